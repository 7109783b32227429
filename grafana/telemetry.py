"""What telemetry itself does: is what the other dashboards and the trace store show complete?"""

from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.units import OpsPerSecond, Seconds, Short

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Panel, Query, chart, quantiles, stat
from grafana.promql import quantile, rate
from grafana.shapes import ranking

_SPANS, _LINES = "telemetry_spans_total", "telemetry_log_records_total"
_EXPORT = "otel_sdk_exporter_operation_duration_seconds"
_LOST = 'result!="exported"'

_NOW = (
    Panel(
        title="Spans exported",
        description="About ten for each order. 0 under load: sampled away, TELEMETRY=off, or all are lost.",
        unit=OpsPerSecond,
        queries=(Query(rate(_SPANS, 'result="exported"'), "exported"),),
    ),
    Panel(
        title="Spans and log lines lost",
        description="Traces, or Loki, have holes while this is not 0; orders are not affected. Are both up?",
        unit=OpsPerSecond,
        queries=(Query(rate(_SPANS, _LOST), "spans"), Query(rate(_LINES, _LOST), "lines")),
        warn=0.01,
        bad=1,
    ),
    Panel(
        title="Export p95",
        description="Of a batch, in a thread of its own. Past 1 s batches pile up, and a full queue loses.",
        unit=Seconds,
        queries=(Query(quantile(0.95, _EXPORT), "p95"),),
        warn=0.5,
        bad=1,
    ),
    Panel(
        title="Slowest scrape",
        description="Given up after 4 s: then the service counts as down. Slow: too many series, or busy.",
        unit=Seconds,
        queries=(Query("max(scrape_duration_seconds)", "slowest"),),
        warn=1,
        bad=3,
    ),
    Panel(
        title="Targets down",
        description="What cannot be scraped shows nothing elsewhere: look here when panels are empty.",
        unit=Short,
        queries=(Query("sum(1 - up)", "down"),),
        warn=1,
        bad=2,
    ),
    Panel(
        title="Series",
        description="All that Prometheus has in memory. Grows with load: something unbounded is a label.",
        unit=Short,
        queries=(Query("sum(prometheus_tsdb_head_series)", "series"),),
        warn=20_000,
        bad=100_000,
    ),
)

_TRACES = (
    Panel(
        title="Spans exported by service",
        description="Follows each service's load. One that falls to 0 alone has lost its way to the store.",
        unit=OpsPerSecond,
        queries=(Query(rate(_SPANS, 'result="exported"', by="job"), "{{job}}"),),
    ),
    Panel(
        title="Spans lost by reason",
        description="queue_full: more than can be exported. connection_error, timeout, http_…: the store.",
        unit=OpsPerSecond,
        queries=(Query(rate(_SPANS, _LOST, by="job, result"), "{{job}}: {{result}}"),),
        warn=0.01,
        bad=1,
    ),
    Panel(
        title="Export time",
        description="Of a batch with its retries. Longer than 1 s, in which the next fills: spans get lost.",
        unit=Seconds,
        queries=quantiles(_EXPORT, 'otel_component_type="otlp_http_span_exporter"'),
        warn=0.5,
        bad=1,
    ),
)

_LOGS = (
    Panel(
        title="Log lines exported by service",
        description="To Loki, beside stdout. 0 where there is none; who falls to 0 alone has lost the way.",
        unit=OpsPerSecond,
        queries=(Query(rate(_LINES, 'result="exported"', by="job"), "{{job}}"),),
    ),
    Panel(
        title="Log lines lost by reason",
        description="stdout has them all the same. http_429: Loki's limits. queue_full: more than it takes.",
        unit=OpsPerSecond,
        queries=(Query(rate(_LINES, _LOST, by="job, result"), "{{job}}: {{result}}"),),
        warn=0.01,
        bad=1,
    ),
    Panel(
        title="Export p95 by signal",
        description="Of a batch. The slower of the two stores is the one that will make its queue overflow.",
        unit=Seconds,
        queries=(Query(quantile(0.95, _EXPORT, by="otel_component_type"), "{{otel_component_type}}"),),
        warn=0.5,
        bad=1,
    ),
)

_METRICS = (
    Panel(
        title="Scrape time",
        description="What reading /metrics takes, the process's work included. Rises with its series.",
        unit=Seconds,
        queries=(Query("max by (job) (scrape_duration_seconds)", "{{job}}"),),
        warn=1,
        bad=3,
    ),
    Panel(
        title="Samples by scrape",
        description="Series of one process. It is flat after warming up; a slope is an unbounded label.",
        unit=Short,
        queries=(Query("max by (job) (scrape_samples_post_metric_relabeling)", "{{job}}"),),
        warn=2_000,
        bad=10_000,
    ),
    Panel(
        title="Series by metric",
        description="The largest twenty. A metric that climbs to the top has a label it should not have.",
        unit=Short,
        queries=(Query('topk(20, count by (__name__) ({__name__!=""}))', "{{__name__}}"),),
        warn=500,
        bad=2_000,
    ),
)

_STORES = (
    Panel(
        title="Samples stored",
        description="What Prometheus takes in, from everything. Its disk and memory follow this figure.",
        unit=OpsPerSecond,
        queries=(Query(rate("prometheus_tsdb_head_samples_appended_total"), "samples"),),
    ),
    Panel(
        title="Exemplars stored",
        description="The dots that lead from a chart to a trace. 0 under load: nothing is sampled any more.",
        unit=OpsPerSecond,
        queries=(Query(rate("prometheus_tsdb_exemplar_exemplars_appended_total"), "exemplars"),),
    ),
    Panel(
        title="Series that come and go",
        description="New series, and removed ones. Steady after a start: labels are made all the time.",
        unit=OpsPerSecond,
        queries=(
            Query(rate("prometheus_tsdb_head_series_created_total"), "created"),
            Query(rate("prometheus_tsdb_head_series_removed_total"), "removed"),
        ),
        warn=50,
        bad=500,
    ),
)


def dashboard() -> Dashboard:
    """Return the dashboard of telemetry: traces and logs out, metrics in, and what storing them takes."""
    *charts, series = _METRICS
    metrics = (
        *(chart(panel) for panel in charts),
        ranking(series, {"__name__": "Metric", "Value": "Series"}),
    )
    rows = (
        Row("Now", tuple(stat(panel) for panel in _NOW)),
        Row("Traces", tuple(chart(panel) for panel in _TRACES)),
        Row("Logs", tuple(chart(panel) for panel in _LOGS)),
        Row("Metrics", metrics),
        Row("Stores", tuple(chart(panel) for panel in _STORES)),
    )
    return page(Page.TELEMETRY, "Whether what is seen is complete, and what seeing it costs.", rows)
