"""One order by its correlation id: its log lines, its longest steps, its traces.

No metric has an id as a label, so these panels ask Loki and Jaeger.
"""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import logs, table
from grafana_foundation_sdk.models.common import LogsSortOrder
from grafana_foundation_sdk.models.dashboard import Dashboard, DynamicConfigValue, VariableOption
from grafana_foundation_sdk.models.units import Milliseconds

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Panel, number, ranking, styled
from grafana.sources import JAEGER, LOKI, Jaeger, logql

_LINES = '{service_name=~"api|worker|notifier"} | correlation_id="$correlation_id"'
# Each line begins with its service.
_PREFIXED = f"{_LINES} | line_format `{{{{.service_name}}}}: {{{{__line__}}}}`"
_DURATIONS = f"{_LINES} | duration_ms!=`` | unwrap duration_ms"
_LONGEST = f"max by (service_name) (max_over_time({_DURATIONS} [$__range]))"


def _logs() -> logs.Panel:
    return (
        logs.Panel()
        .title("Log lines")
        .description("Of all services, oldest first. The last line says how far the order came.")
        .datasource(LOKI)
        .span(16)
        .height(12)
        .show_time(show_time=True)
        .wrap_log_message(wrap_log_message=True)
        .enable_log_details(enable_log_details=True)
        .sort_order(LogsSortOrder.ASCENDING)
        .targets([logql(_PREFIXED)])
    )


def _longest() -> table.Panel:
    shown = Panel(Milliseconds, "Longest step in each service", (500, 2500)).shows(
        "The longest request or delivery, from its log line. A service without one did not do its step yet.",
    )
    query = logql(_LONGEST, instant=True)
    return ranking(shown, query, "service_name", "Service", "Longest step", height=12).datasource(LOKI)


def _traces() -> table.Panel:
    """Return the traces of a correlation id; a click on one draws it in the panel below."""
    below = {
        "title": "Show it below",
        "url": f"/d/{Page.FOLLOW.uid}?var-correlation_id=${{correlation_id}}&var-trace_id=${{__value.raw}}",
    }
    search = Jaeger(queryType="search", service="api", tags="correlation_id=$correlation_id", limit=20)
    text = "One, unless the client used the id again. A click on its id draws the trace below."
    drawing = styled(table.Panel(), number("Traces").shows(text), 24, 6).datasource(JAEGER).targets([search])
    return drawing.override_by_name("traceID", [DynamicConfigValue(id_val="links", value=[below])])


def _trace() -> builders.Panel:
    return (
        builders.Panel()
        .type("traces")
        .title("Spans of the trace")
        .description("Gaps are waiting: before a process span in a queue, between two attempts for a retry.")
        .datasource(JAEGER)
        .span(24)
        .height(18)
        .targets([Jaeger(query="$trace_id")])
    )


def _text(name: str, label: str) -> builders.TextBoxVariable:
    empty = VariableOption(text="", value="")
    return builders.TextBoxVariable(name).label(label).default_value("").current(empty)


def dashboard() -> Dashboard:
    """Return the dashboard that follows the order whose correlation id is typed at its top."""
    rows = (
        Row("Logs", (_logs(), _longest())),
        Row("Trace", (_traces(), _trace())),
    )
    variables = (_text("correlation_id", "Correlation id"), _text("trace_id", "Trace id"))
    return page(Page.FOLLOW, "One order, by the X-Correlation-ID of its request.", rows, variables)
