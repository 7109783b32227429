"""Telemetry about telemetry: are the dashboards and the trace store complete?"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Query, chart, latest, number, per_second, quantiles, ranking, seconds
from grafana.promql import quantile, rate

_SPANS, _LINES = "telemetry_spans_total", "telemetry_log_records_total"
_EXPORT = "otel_sdk_exporter_operation_duration_seconds"
_LOST = 'result!="exported"'

_NOW = (
    per_second(
        "Spans exported",
        "About ten for each order. 0 under load: not sampled, TELEMETRY=off, or all are lost.",
        Query(rate(_SPANS, 'result="exported"'), "exported"),
    ),
    per_second(
        "Spans and log lines lost",
        "While this is not 0, traces or logs are incomplete. Orders are not affected. Are both stores up?",
        Query(rate(_SPANS, _LOST), "spans"),
        Query(rate(_LINES, _LOST), "lines"),
        limits=(0.01, 1),
    ),
    seconds(
        "Export p95",
        "Of a batch, in a background thread. Above 1 s the queue fills up, and a full queue drops spans.",
        Query(quantile(0.95, _EXPORT), "p95"),
        limits=(0.5, 1),
    ),
    seconds(
        "Slowest scrape",
        "After 4 s it fails, and the service counts as down. Slow: too many series, or a busy process.",
        Query("max(scrape_duration_seconds)", "slowest"),
        limits=(1, 3),
    ),
    number(
        "Targets down",
        "A target that cannot be scraped has no data on any panel: look here when panels are empty.",
        Query("sum(1 - up)", "down"),
        limits=(1, 2),
    ),
    number(
        "Series",
        "All series that Prometheus has in memory. Grows with load: a label has unbounded values.",
        Query("sum(prometheus_tsdb_head_series)", "series"),
        limits=(20_000, 100_000),
    ),
)

_TRACES = (
    per_second(
        "Spans exported by service",
        "Follows each service's load. One alone falls to 0: that service does not reach the trace store.",
        Query(rate(_SPANS, 'result="exported"', by="job"), "{{job}}"),
    ),
    per_second(
        "Spans lost by reason",
        "queue_full: more than can be exported. connection_error, timeout, http_…: the store.",
        Query(rate(_SPANS, _LOST, by="job, result"), "{{job}}: {{result}}"),
        limits=(0.01, 1),
    ),
    seconds(
        "Export time",
        "Of a batch with its retries. Above 1 s the next batch fills meanwhile, and spans get lost.",
        *quantiles(_EXPORT, 'otel_component_type="otlp_http_span_exporter"'),
        limits=(0.5, 1),
    ),
)

_LOGS = (
    per_second(
        "Log lines exported by service",
        "To Loki, beside stdout. 0 without Loki. One alone falls to 0: that service does not reach Loki.",
        Query(rate(_LINES, 'result="exported"', by="job"), "{{job}}"),
    ),
    per_second(
        "Log lines lost by reason",
        "These lines are still on stdout. http_429: Loki's limits. queue_full: more than Loki takes.",
        Query(rate(_LINES, _LOST, by="job, result"), "{{job}}: {{result}}"),
        limits=(0.01, 1),
    ),
    seconds(
        "Export p95 by signal",
        "Of a batch. The slower of the two stores is the one whose queue will overflow.",
        Query(quantile(0.95, _EXPORT, by="otel_component_type"), "{{otel_component_type}}"),
        limits=(0.5, 1),
    ),
)

_METRICS = (
    seconds(
        "Scrape time",
        "How long reading /metrics takes, the process's work included. Rises with its series.",
        Query("max by (job) (scrape_duration_seconds)", "{{job}}"),
        limits=(1, 3),
    ),
    number(
        "Samples by scrape",
        "Series of one process. Flat after warming up; a slope is a label with unbounded values.",
        Query("max by (job) (scrape_samples_post_metric_relabeling)", "{{job}}"),
        limits=(2_000, 10_000),
    ),
)

_SERIES = number(
    "Series by metric",
    "The largest twenty. A metric that climbs to the top has a label with unbounded values.",
    Query('topk(20, count by (__name__) ({__name__!=""}))', "{{__name__}}"),
    limits=(500, 2_000),
)

_PROMETHEUS = (
    per_second(
        "Samples stored",
        "Samples that Prometheus ingests, of all targets. Its disk and memory follow this figure.",
        Query(rate("prometheus_tsdb_head_samples_appended_total"), "samples"),
    ),
    per_second(
        "Exemplars stored",
        "The dots that link a chart to a trace. 0 under load: no request is sampled any more.",
        Query(rate("prometheus_tsdb_exemplar_exemplars_appended_total"), "exemplars"),
    ),
    per_second(
        "Series created and removed",
        "A steady rate after the start: new label values appear all the time.",
        Query(rate("prometheus_tsdb_head_series_created_total"), "created"),
        Query(rate("prometheus_tsdb_head_series_removed_total"), "removed"),
        limits=(50, 500),
    ),
)


def dashboard() -> Dashboard:
    """Return the dashboard of telemetry: traces and logs out, metrics in, and what storing them takes."""
    series = ranking(_SERIES, {"__name__": "Metric", "Value": "Series"})
    rows = (
        Row("Now", map(latest, _NOW)),
        Row("Traces", map(chart, _TRACES)),
        Row("Logs", map(chart, _LOGS)),
        Row("Metrics", (*map(chart, _METRICS), series)),
        Row("Prometheus", map(chart, _PROMETHEUS)),
    )
    return page(Page.TELEMETRY, "Whether traces, logs and metrics are complete, and what they cost.", rows)
