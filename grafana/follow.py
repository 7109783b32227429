"""One order by its correlation id: what was logged of it, how long it took, its trace.

Ids are labels of no metric, so what is here comes from Loki and Jaeger.
"""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import logs, table
from grafana_foundation_sdk.models.common import LogsSortOrder
from grafana_foundation_sdk.models.dashboard import Dashboard, DynamicConfigValue, VariableOption
from grafana_foundation_sdk.models.units import Milliseconds, Short

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Panel, thresholds
from grafana.sources import JAEGER, LOKI, Jaeger, logql

_LINES = '{service_name=~"api|worker|notifier"} | correlation_id="$correlation_id"'
# A line of several services says whose it is.
_TOLD = f"{_LINES} | line_format `{{{{.service_name}}}}: {{{{__line__}}}}`"
_TIMES = f"{_LINES} | duration_ms!=`` | unwrap duration_ms"
_LONGEST = f"max by (service_name) (max_over_time({_TIMES} [$__range]))"


def _logs() -> logs.Panel:
    return (
        logs.Panel()
        .title("Its log lines")
        .description("Of all services, oldest first. The last says how far it came; open one for its trace.")
        .datasource(LOKI)
        .span(16)
        .height(12)
        .show_time(show_time=True)
        .wrap_log_message(wrap_log_message=True)
        .enable_log_details(enable_log_details=True)
        .sort_order(LogsSortOrder.ASCENDING)
        .targets([logql(_TOLD).ref_id("A")])
    )


def _timings() -> table.Panel:
    limits = Panel("", "", Milliseconds, (), warn=500, bad=2500)
    return (
        table.Panel()
        .title("Its longest step in each service")
        .description(
            "A request or delivery, as its log line tells it. What is missing here did not come yet."
        )
        .unit(Milliseconds)
        .datasource(LOKI)
        .span(8)
        .height(12)
        .thresholds(thresholds(limits))
        .targets([logql(_LONGEST, instant=True).ref_id("A")])
    )


def _traces() -> table.Panel:
    """Return the traces of a correlation id; one that is clicked is drawn below."""
    show = {
        "title": "Show it below",
        "url": f"/d/{Page.FOLLOW.uid}?var-correlation_id=${{correlation_id}}&var-trace_id=${{__value.raw}}",
    }
    search = Jaeger(queryType="search", service="api", tags="correlation_id=$correlation_id", limit=20)
    return (
        table.Panel()
        .title("Its traces")
        .description("One, unless the client used the id again. Click its trace id to have it drawn below.")
        .unit(Short)
        .datasource(JAEGER)
        .span(24)
        .height(6)
        .thresholds(thresholds(Panel("", "", Short, ())))
        .override_by_name("traceID", [DynamicConfigValue(id_val="links", value=[show])])
        .targets([search])
    )


def _trace() -> builders.Panel:
    return (
        builders.Panel()
        .type("traces")
        .title("Its trace")
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
        Row("Logs", (_logs(), _timings())),
        Row("Trace", (_traces(), _trace())),
    )
    variables = (_text("correlation_id", "Correlation id"), _text("trace_id", "Trace id"))
    return page(Page.FOLLOW, "One order, by the X-Correlation-ID of its request.", rows, variables)
