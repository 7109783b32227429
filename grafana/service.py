"""One service: its requests or messages, its processes, its dependencies."""

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import Dashboard, VariableOption, VariableRefresh, VariableSort

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Query, chart, latest, number, per_second, percent, seconds, states
from grafana.promql import USER_ROUTES, either, quantile, rate, ratio
from grafana.shared import cpu, event_loop_lag, memory
from grafana.sources import PROMETHEUS

_THIS = 'job="$service"'
_HTTP, _MESSAGES = "http_server_request_duration_seconds", "messaging_process_duration_seconds"
_REQUEST = f"{_THIS}, {USER_ROUTES}"
# A service serves requests or processes messages: whichever it does is shown.
_RATE = either(rate(f"{_HTTP}_count", _REQUEST), rate(f"{_MESSAGES}_count", _THIS))
_RATE_BY_KIND = either(
    rate(f"{_HTTP}_count", _REQUEST, by="http_request_method, http_route"),
    rate("messaging_client_consumed_messages_total", _THIS, by="queue"),
)
_ERRORS = either(
    ratio(
        rate(f"{_HTTP}_count", f'{_REQUEST}, http_response_status_code=~"5.."'),
        rate(f"{_HTTP}_count", _REQUEST),
    ),
    ratio(rate(f"{_MESSAGES}_count", f'{_THIS}, error_type!=""'), rate(f"{_MESSAGES}_count", _THIS)),
)
_P50, _P95, _P99 = (
    either(quantile(share, _HTTP, _REQUEST), quantile(share, _MESSAGES, _THIS)) for share in (0.5, 0.95, 0.99)
)

_NOW = (
    number("Processes", (1, 1)).shows(
        "How many answer Prometheus. 0: it is down, or its /metrics is too slow to be scraped.",
        Query(f"service:up{{{_THIS}}}", "up"),
    ),
    per_second("Requests or messages").shows(
        "What all its processes do in a second. 0 under load: it receives none, or is stuck.",
        Query(_RATE, "done"),
    ),
    percent("Errors", (0.01, 0.1)).shows(
        "Share of requests answered 5xx, or of messages that failed. Look at its logs and traces.",
        Query(_ERRORS, "failed"),
    ),
    seconds("Duration p95", (0.5, 2.5)).shows(
        "Of a request or message. Long with little CPU: it waits for a dependency; see a trace.",
        Query(_P95, "p95"),
    ),
    event_loop_lag(_THIS),
    memory("Largest memory", Query(f"max(process_resident_memory_bytes{{{_THIS}}})", "memory")),
)

_WORK = (
    per_second("Requests or messages by kind").shows(
        "By route, or by queue: which of them brings the load, and which stopped?",
        Query(_RATE_BY_KIND, "{{http_request_method}} {{http_route}}{{queue}}"),
    ),
    percent("Errors over time", (0.01, 0.1)).shows(
        "Began with a deployment: roll back. Began with a dependency's, below: look there first.",
        Query(_ERRORS, "failed"),
    ),
    seconds("Duration", (0.5, 2.5)).shows(
        "A dot is a request or message: click it for its trace. p99 far above p50: waiting.",
        Query(_P50, "p50"),
        Query(_P95, "p95"),
        Query(_P99, "p99", exemplars=True),
    ),
)

_PROCESSES = (
    event_loop_lag(_THIS, "instance"),
    cpu(_THIS, "instance"),
    memory("Memory", Query(f"process_resident_memory_bytes{{{_THIS}}}", "{{instance}}")),
)

_RESOURCES = (
    per_second("Garbage collections by generation").shows(
        "Generation 2 looks at every object, and all else waits. Often: too many objects live long.",
        Query(rate("python_gc_collections_total", _THIS, by="generation"), "generation {{generation}}"),
    ),
    percent("Open files and connections", (0.7, 0.9)).shows(
        "Share of what the process may open. A slope that never falls: connections leak.",
        Query(f"process_open_fds{{{_THIS}}} / process_max_fds{{{_THIS}}}", "{{instance}}"),
    ),
)

_DEPENDENCIES = number("Redis and RabbitMQ", (1, 1)).shows(
    "Whether each process reaches them, and RabbitMQ lets it publish. Red for all: that server.",
    Query(f"dependency_up{{{_THIS}}}", "{{dependency}} {{instance}}"),
    Query(f"1 - broker_connection_blocked{{{_THIS}}}", "publishing {{instance}}"),
)


def _services() -> QueryVariable:
    return (
        QueryVariable("service")
        .label("Service")
        .datasource(PROMETHEUS)
        .query("label_values(build_info, job)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .current(VariableOption(text="api", value="api", selected=True))
    )


def dashboard() -> Dashboard:
    """Return the dashboard of the service that is chosen at its top."""
    rows = (
        Row("$service now", map(latest, _NOW)),
        Row("Requests and messages", map(chart, _WORK)),
        Row("Processes", map(chart, _PROCESSES)),
        Row("Resources and dependencies", (*map(chart, _RESOURCES), states(_DEPENDENCIES))),
    )
    return page(Page.SERVICE, "One service: its work, its processes, its dependencies.", rows, [_services()])
