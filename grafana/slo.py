"""The objectives: are they met, how much error budget is left, and how fast is it used up?

`observability/config/rules/slo.yaml` records the series `slo:…`, which its alerts use, too.
"""

from dataclasses import dataclass

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Panel, Query, chart, latest, number, percent, quantiles, seconds
from grafana.promql import rate, ratio

_POSTS = 'http_request_method="POST", http_route="/v1/orders"'
_COUNT = "http_server_request_duration_seconds_count"
_FAILED = ratio(rate(_COUNT, f'{_POSTS}, http_response_status_code=~"5.."'), rate(_COUNT, _POSTS))
_WINDOWS = ("5m", "30m", "1h", "6h", "3d")
_PAGE_RATE = 14.4  # uses 2 % of a month's budget in an hour: the rate of a page


@dataclass(frozen=True)
class _Objective:
    """An objective, and the panel of what it measures."""

    slo: str
    title: str
    target: float
    measured: Panel

    def query(self, record: str) -> str:
        """Return a recorded series of this objective."""
        return f'{record}{{slo="{self.slo}"}}'

    def spent(self, window: str) -> str:
        """Return the burn rate over a window: 1 uses up the budget exactly at its end."""
        return f"{self.query(f'slo:error_ratio:rate{window}')} / on (slo) (1 - {self.query('slo:objective')})"


_OBJECTIVES = (
    _Objective(
        "availability",
        "Placing an order works: 99.9 %",
        0.999,
        percent("POST /v1/orders answered 5xx", (0.001, 0.0144)).shows(
            "What this objective counts. Above the lines: Redis is down, or the outbox is full.",
            Query(_FAILED, "5xx"),
        ),
    ),
    _Objective(
        "settlement",
        "An order is settled within 5 s: 99 %",
        0.99,
        seconds("Accepted to settled", (2, 5)).shows(
            "The objective: p99 below the red line. A dot is an order: click it for its trace.",
            *quantiles("order_accept_to_settled_seconds"),
        ),
    ),
    _Objective(
        "notification",
        "A customer is notified within 30 s: 99 %",
        0.99,
        seconds("Settled to notified", (10, 30)).shows(
            "The objective: p99 below the red line. A dot is an order: click it for its trace.",
            *quantiles("notification_duration_seconds"),
        ),
    ),
)


def _figures(objective: _Objective) -> tuple[Panel, ...]:
    target = objective.target
    return (
        percent("Met in the last hour", (target + (1 - target) / 2, target)).shows(
            "Share of events that were good. Red: below the objective; look at the burn rate.",
            Query(f"1 - {objective.query('slo:error_ratio:rate1h')}", "good"),
        ),
        percent("Budget left", (0.5, 0.1)).shows(
            "Of what may go wrong in 3 days. Below 0 it is overspent: repair comes first.",
            Query(f"1 - {objective.spent('3d')}", "left"),
        ),
    )


def _burn(objective: _Objective) -> Panel:
    return number("Burn rate", (1, _PAGE_RATE)).shows(
        "1 uses the budget up in 30 days, 14.4 in 2: that pages. A short window shows recovery.",
        *(Query(objective.spent(window), window) for window in _WINDOWS),
    )


def dashboard() -> Dashboard:
    """Return the dashboard of objectives, a row for each."""
    rows = [
        Row(
            objective.title,
            (
                *(latest(figure, height=8) for figure in _figures(objective)),
                chart(_burn(objective)),
                chart(objective.measured),
            ),
        )
        for objective in _OBJECTIVES
    ]
    return page(Page.SLO, "Objectives, the error budget that is left, and how fast it burns.", rows)
