"""Telemetry about telemetry: are the dashboards and the trace store complete?"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Query, chart, latest, number, per_second, quantiles, ranking, seconds
from grafana.promql import quantile, rate
from grafana.sources import promql_now

_SPANS, _LINES = "telemetry_spans_total", "telemetry_log_records_total"
_EXPORT = "otel_sdk_exporter_operation_duration_seconds"
_LOST = 'result!="exported"'

_NOW = (
    per_second("Spans exported").shows(
        "About ten for each order. 0 under load: not sampled, TELEMETRY=off, or all are lost.",
        Query(rate(_SPANS, 'result="exported"'), "exported"),
    ),
    per_second("Spans and log lines lost", (0.01, 1)).shows(
        "While this is not 0, traces or logs are incomplete. Orders are not affected. Are both stores up?",
        Query(rate(_SPANS, _LOST), "spans"),
        Query(rate(_LINES, _LOST), "lines"),
    ),
    seconds("Export p95", (0.5, 1)).shows(
        "Of a batch, in a background thread. Above 1 s the queue fills up, and a full queue drops spans.",
        Query(quantile(0.95, _EXPORT), "p95"),
    ),
    seconds("Slowest scrape", (1, 3)).shows(
        "After 4 s it fails, and the service counts as down. Slow: too many series, or a busy process.",
        Query("max(scrape_duration_seconds)", "slowest"),
    ),
    number("Targets down", (1, 2)).shows(
        "A target that cannot be scraped has no data on any panel: look here when panels are empty.",
        Query("sum(1 - up)", "down"),
    ),
    number("Series", (20_000, 100_000)).shows(
        "All series that Prometheus has in memory. Grows with load: a label has unbounded values.",
        Query("sum(prometheus_tsdb_head_series)", "series"),
    ),
)

_TRACES = (
    per_second("Spans exported by service").shows(
        "Follows each service's load. One alone falls to 0: that service does not reach the trace store.",
        Query(rate(_SPANS, 'result="exported"', by="job"), "{{job}}"),
    ),
    per_second("Spans lost by reason", (0.01, 1)).shows(
        "queue_full: more than can be exported. connection_error, timeout, http_…: the store.",
        Query(rate(_SPANS, _LOST, by="job, result"), "{{job}}: {{result}}"),
    ),
    seconds("Export time", (0.5, 1)).shows(
        "Of a batch with its retries. Above 1 s the next batch fills meanwhile, and spans get lost.",
        *quantiles(_EXPORT, 'otel_component_type="otlp_http_span_exporter"'),
    ),
)

_LOGS = (
    per_second("Log lines exported by service").shows(
        "To Loki, beside stdout. 0 without Loki. One alone falls to 0: that service does not reach Loki.",
        Query(rate(_LINES, 'result="exported"', by="job"), "{{job}}"),
    ),
    per_second("Log lines lost by reason", (0.01, 1)).shows(
        "These lines are still on stdout. http_429: Loki's limits. queue_full: more than Loki takes.",
        Query(rate(_LINES, _LOST, by="job, result"), "{{job}}: {{result}}"),
    ),
    seconds("Export p95 by signal", (0.5, 1)).shows(
        "Of a batch. The slower of the two stores is the one whose queue will overflow.",
        Query(quantile(0.95, _EXPORT, by="otel_component_type"), "{{otel_component_type}}"),
    ),
)

_METRICS = (
    seconds("Scrape time", (1, 3)).shows(
        "How long reading /metrics takes, the process's work included. Rises with its series.",
        Query("max by (job) (scrape_duration_seconds)", "{{job}}"),
    ),
    number("Samples by scrape", (2_000, 10_000)).shows(
        "Series of one process. Flat after warming up; a slope is a label with unbounded values.",
        Query("max by (job) (scrape_samples_post_metric_relabeling)", "{{job}}"),
    ),
)

_LARGEST = number("Series by metric", (500, 2_000)).shows(
    "The largest twenty. A metric that climbs to the top has a label with unbounded values.",
)
_COUNTED = 'topk(20, count by (__name__) ({__name__!=""}))'

_PROMETHEUS = (
    per_second("Samples stored").shows(
        "Samples that Prometheus ingests, of all targets. Its disk and memory follow this figure.",
        Query(rate("prometheus_tsdb_head_samples_appended_total"), "samples"),
    ),
    per_second("Exemplars stored").shows(
        "The dots that link a chart to a trace. 0 under load: no request is sampled any more.",
        Query(rate("prometheus_tsdb_exemplar_exemplars_appended_total"), "exemplars"),
    ),
    per_second("Series created and removed", (50, 500)).shows(
        "A steady rate after the start: new label values appear all the time.",
        Query(rate("prometheus_tsdb_head_series_created_total"), "created"),
        Query(rate("prometheus_tsdb_head_series_removed_total"), "removed"),
    ),
)


def dashboard() -> Dashboard:
    """Return the dashboard of telemetry: traces and logs out, metrics in, and what storing them takes."""
    series = ranking(_LARGEST, promql_now(_COUNTED), "__name__", "Metric", "Series")
    rows = (
        Row("Now", map(latest, _NOW)),
        Row("Traces", map(chart, _TRACES)),
        Row("Logs", map(chart, _LOGS)),
        Row("Metrics", (*map(chart, _METRICS), series)),
        Row("Prometheus", map(chart, _PROMETHEUS)),
    )
    return page(Page.TELEMETRY, "Whether traces, logs and metrics are complete, and what they cost.", rows)
