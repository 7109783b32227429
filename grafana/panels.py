"""Panels in one style. A panel is data (`Panel`); `chart` and `stat` draw it."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.builders import stat as stat_builder
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")


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
    and red; a panel without them shows a quantity of which no value is good or bad by itself.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    warn: float | None = None
    bad: float | None = None


def chart(panel: Panel) -> timeseries.Panel:
    """Return a third of a row that draws `panel` over time."""
    limits = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    return (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(SOURCE)
        .span(8)
        .height(8)
        .min(0)
        .fill_opacity(10)
        .show_points(VisibilityMode.NEVER)
        .thresholds(_thresholds(panel))
        .thresholds_style(limits)
        .tooltip(tooltip)
        .legend(_legend())
        .targets(_targets(panel))
    )


def stat(panel: Panel) -> stat_builder.Panel:
    """Return a sixth of a row that shows the latest value of `panel`, coloured by its limits."""
    return (
        stat_builder.Panel()
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(SOURCE)
        .span(4)
        .height(4)
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(panel))
        .targets(_targets(panel))
    )


def _targets(panel: Panel) -> list[Builder[Dataquery]]:
    """Return the panel's queries, lettered A, B, C, … as Grafana's editor does."""
    return [
        prometheus.Dataquery()
        .datasource(SOURCE)
        .expr(query.expr)
        .legend_format(query.legend)
        .exemplar(query.exemplars)
        .range()
        .ref_id(chr(ord("A") + index))
        for index, query in enumerate(panel.queries)
    ]


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    limits = (("green", None), ("orange", panel.warn), ("red", panel.bad))
    steps = [Threshold(value, colour) for colour, value in limits if colour == "green" or value is not None]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.TABLE)
    return (
        legend.placement(LegendPlacement.BOTTOM).show_legend(show_legend=True).calcs(["lastNotNull", "max"])
    )
