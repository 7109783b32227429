"""Panels in one style. A panel is data (`Panel`); `chart` and `stat` draw it."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, timeseries
from grafana_foundation_sdk.builders import stat as stat_builder
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardLink, Threshold, ThresholdsMode

from grafana.links import Page, link
from grafana.promql import quantile
from grafana.sources import PROMETHEUS, promql

LATEST = "lastNotNull"


@dataclass(frozen=True)
class Query:
    """One PromQL expression, the legend of its series, and whether its exemplars are drawn."""

    expr: str
    legend: str
    exemplars: bool = False


@dataclass(frozen=True)
class Panel:
    """What a panel shows.

    `description` says what to conclude from it. From `warn` and from `bad` on, both in `unit`, it is orange
    and red, or below them when `bad` is not above `warn`; a panel without them shows a quantity of which no
    value is good or bad by itself. `more` is the dashboard that says more.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    warn: float | None = None
    bad: float | None = None
    more: Page | None = None


def quantiles(histogram: str, labels: str = "") -> tuple[Query, ...]:
    """Return p50, p95 and p99; one of them brings the exemplars, which are the same for all."""
    return (
        Query(quantile(0.5, histogram, labels), "p50"),
        Query(quantile(0.95, histogram, labels), "p95"),
        Query(quantile(0.99, histogram, labels), "p99", exemplars=True),
    )


def chart(panel: Panel, span: int = 8) -> timeseries.Panel:
    """Return a part of a row, of `span` columns out of 24, that draws `panel` over time."""
    limits = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    return (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(PROMETHEUS)
        .span(span)
        .height(8)
        .min(0)
        .fill_opacity(10)
        .show_points(VisibilityMode.NEVER)
        .thresholds(thresholds(panel))
        .thresholds_style(limits)
        .tooltip(tooltip)
        .legend(_legend())
        .links(links(panel))
        .targets(_targets(panel))
    )


def stat(panel: Panel, height: int = 4) -> stat_builder.Panel:
    """Return a sixth of a row that shows the latest value of `panel`, coloured by its limits."""
    return (
        stat_builder.Panel()
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(PROMETHEUS)
        .span(4)
        .height(height)
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs([LATEST]))
        .thresholds(thresholds(panel))
        .links(links(panel))
        .targets(_targets(panel))
    )


def thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    """Return the limits from which on a value is orange and red, or below which."""
    warn, bad = panel.warn, panel.bad
    if warn is not None and bad is not None and bad <= warn:
        steps = [(None, "red"), (bad if bad < warn else None, "orange"), (warn, "green")]
    else:
        steps = [(None, "green"), (warn, "orange"), (bad, "red")]
    given = [
        Threshold(value, colour)
        for index, (value, colour) in enumerate(steps)
        if not index or value is not None
    ]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(given)


def links(panel: Panel) -> list[Builder[DashboardLink]]:
    """Return the panel's links onward."""
    return [link(panel.more)] if panel.more else []


def _targets(panel: Panel) -> list[Builder[Dataquery]]:
    return [
        promql(query.expr, query.legend, exemplars=query.exemplars).ref_id(chr(ord("A") + index))
        for index, query in enumerate(panel.queries)
    ]


def _legend() -> common.VizLegendOptions:
    legend = (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .sort_by("Last *")
        .sort_desc(sort_desc=True)
    )
    return legend.placement(LegendPlacement.BOTTOM).show_legend(show_legend=True).calcs([LATEST, "max"])
