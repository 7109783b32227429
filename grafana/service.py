"""One service from outside and inside: what it does, what it costs, what it depends on."""

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import Dashboard, VariableOption, VariableRefresh, VariableSort
from grafana_foundation_sdk.models.units import BytesIEC, OpsPerSecond, PercentUnit, Seconds, Short

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Panel, Query, chart, stat
from grafana.process import PROCESS, RESOURCES
from grafana.promql import USER_ROUTES, either, quantile, rate, ratio
from grafana.shapes import states
from grafana.sources import PROMETHEUS

_THIS = 'job="$service"'
_HTTP, _MESSAGES = "http_server_request_duration_seconds", "messaging_process_duration_seconds"
_REQUEST = f"{_THIS}, {USER_ROUTES}"
# A service serves requests or processes messages: whichever it does is shown.
_RATE = either(rate(f"{_HTTP}_count", _REQUEST), rate(f"{_MESSAGES}_count", _THIS))
_ERRORS = either(
    ratio(
        rate(f"{_HTTP}_count", f'{_REQUEST}, http_response_status_code=~"5.."'),
        rate(f"{_HTTP}_count", _REQUEST),
    ),
    ratio(rate(f"{_MESSAGES}_count", f'{_THIS}, error_type!=""'), rate(f"{_MESSAGES}_count", _THIS)),
)


def _duration(share: float) -> str:
    return either(quantile(share, _HTTP, _REQUEST), quantile(share, _MESSAGES, _THIS))


_NOW = (
    Panel(
        title="Processes",
        description="How many answer Prometheus. 0: it is down, or its /metrics is too slow to be scraped.",
        unit=Short,
        queries=(Query(f"sum(up{{{_THIS}}})", "up"),),
        warn=1,
        bad=1,
    ),
    Panel(
        title="Requests or messages",
        description="What all its processes do in a second. 0 under load: it gets none, or is stuck.",
        unit=OpsPerSecond,
        queries=(Query(_RATE, "done"),),
    ),
    Panel(
        title="Errors",
        description="Share answered 5xx, or of messages put off and given up. Look at its logs and traces.",
        unit=PercentUnit,
        queries=(Query(_ERRORS, "failed"),),
        warn=0.01,
        bad=0.1,
    ),
    Panel(
        title="Duration p95",
        description="Of a request or message. Long with little CPU: it waits for a dependency; see a trace.",
        unit=Seconds,
        queries=(Query(_duration(0.95), "p95"),),
        warn=0.5,
        bad=2.5,
    ),
    Panel(
        title="Event-loop lag p99",
        description="How late a timer runs: everything in the process waits as long. Red: something blocks.",
        unit=Seconds,
        queries=(Query(quantile(0.99, "event_loop_lag_seconds", _THIS), "p99"),),
        warn=0.05,
        bad=0.25,
    ),
    Panel(
        title="Largest memory",
        description="Of one process; a container is ended at 256 MiB. Flat after some minutes is well.",
        unit=BytesIEC,
        queries=(Query(f"max(process_resident_memory_bytes{{{_THIS}}})", "memory"),),
        warn=160 * 1024**2,
        bad=224 * 1024**2,
    ),
)

_WORK = (
    Panel(
        title="Requests or messages by kind",
        description="By route, or by event and queue: which of them brings the load, and which stopped?",
        unit=OpsPerSecond,
        queries=(
            Query(
                either(
                    rate(f"{_HTTP}_count", _REQUEST, by="http_request_method, http_route"),
                    rate(f"{_MESSAGES}_count", _THIS, by="messaging_destination_name"),
                ),
                "{{http_request_method}} {{http_route}}{{messaging_destination_name}}",
            ),
        ),
    ),
    Panel(
        title="Errors over time",
        description="Began with a deployment: roll back. Began with a dependency's, below: look there first.",
        unit=PercentUnit,
        queries=(Query(_ERRORS, "failed"),),
        warn=0.01,
        bad=0.1,
    ),
    Panel(
        title="Duration",
        description="A dot is a request or message: click it for its trace. p99 far above p50: waiting.",
        unit=Seconds,
        queries=(
            Query(_duration(0.5), "p50"),
            Query(_duration(0.95), "p95"),
            Query(_duration(0.99), "p99", exemplars=True),
        ),
        warn=0.5,
        bad=2.5,
    ),
)

_DEPENDENCIES = Panel(
    title="Redis and RabbitMQ",
    description="Whether each process reaches them. Red for all: that server. Red for one: its network.",
    unit=Short,
    queries=(Query(f"dependency_up{{{_THIS}}}", "{{dependency}} {{instance}}"),),
    warn=1,
    bad=1,
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
        Row("$service now", tuple(stat(panel) for panel in _NOW)),
        Row("What it does", tuple(chart(panel) for panel in _WORK)),
        Row("Its processes", tuple(chart(panel) for panel in PROCESS)),
        Row("What it needs", (*(chart(panel) for panel in RESOURCES), states(_DEPENDENCIES))),
    )
    return page(Page.SERVICE, "One service: its work, its processes, its dependencies.", rows, [_services()])
