"""The objectives: are they met, how much may still go wrong, and how fast is that being used up?

The series `slo:…` are recorded by `observability/config/rules/slo.yaml`; its alerts look at the same ones.
"""

from dataclasses import dataclass

from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.units import PercentUnit, Seconds, Short

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Panel, Query, chart, quantiles, stat
from grafana.promql import rate, ratio

_POSTS = 'http_request_method="POST", http_route="/v1/orders"'
_COUNT = "http_server_request_duration_seconds_count"
_WINDOWS = ("5m", "30m", "1h", "6h", "3d")
_PAGE_RATE = 14.4  # uses 2 % of a month's budget in an hour: the rate that wakes somebody


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
        """Return how many times faster than allowed the budget was used in a window: 1 lasts to its end."""
        return f"{self.query(f'slo:error_ratio:rate{window}')} / on (slo) (1 - {self.query('slo:objective')})"


_OBJECTIVES = (
    _Objective(
        "availability",
        "Placing an order works: 99.9 %",
        0.999,
        Panel(
            title="POST /v1/orders answered 5xx",
            description="What this objective counts. Above the lines: Redis is away, or the outbox is full.",
            unit=PercentUnit,
            queries=(
                Query(
                    ratio(rate(_COUNT, f'{_POSTS}, http_response_status_code=~"5.."'), rate(_COUNT, _POSTS)),
                    "5xx",
                ),
            ),
            warn=0.001,
            bad=0.0144,
        ),
    ),
    _Objective(
        "settlement",
        "An order is settled within 5 s: 99 %",
        0.99,
        Panel(
            title="Accepted to settled",
            description="The objective: p99 below the red line. A dot is an order: click it for its trace.",
            unit=Seconds,
            queries=quantiles("order_accept_to_settled_seconds"),
            warn=2,
            bad=5,
        ),
    ),
    _Objective(
        "notification",
        "A customer is told within 30 s: 99 %",
        0.99,
        Panel(
            title="Settled to told",
            description="The objective: p99 below the red line. A dot is an order: click it for its trace.",
            unit=Seconds,
            queries=quantiles("notification_duration_seconds"),
            warn=10,
            bad=30,
        ),
    ),
)


def _numbers(objective: _Objective) -> tuple[Panel, ...]:
    target = objective.target
    return (
        Panel(
            title="Met in the last hour",
            description="Share of events that were good. Red: below the objective; look at the burn rate.",
            unit=PercentUnit,
            queries=(Query(f"1 - {objective.query('slo:error_ratio:rate1h')}", "good"),),
            warn=target + (1 - target) / 2,
            bad=target,
        ),
        Panel(
            title="Budget left",
            description="Of what may go wrong in 3 days. Below 0 it is overspent: repair comes first.",
            unit=PercentUnit,
            queries=(Query(f"1 - {objective.spent('3d')}", "left"),),
            warn=0.5,
            bad=0.1,
        ),
    )


def _burn(objective: _Objective) -> Panel:
    return Panel(
        title="Burn rate",
        description="1 uses the budget up in 30 days, 14.4 in 2: that pages. A short window shows recovery.",
        unit=Short,
        queries=tuple(Query(objective.spent(window), window) for window in _WINDOWS),
        warn=1,
        bad=_PAGE_RATE,
    )


def dashboard() -> Dashboard:
    """Return the dashboard of objectives, a row for each."""
    rows = (
        Row(
            objective.title,
            (
                *(stat(panel, height=8) for panel in _numbers(objective)),
                chart(_burn(objective)),
                chart(objective.measured),
            ),
        )
        for objective in _OBJECTIVES
    )
    return page(Page.SLO, "Objectives, the error budget that is left, and how fast it burns.", rows)
