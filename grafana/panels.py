"""Panels in one style. A panel is data; `chart`, `latest`, `heat_map`, `ranking` and `states` draw it."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from grafana_foundation_sdk.builders import common, dashboard, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TableAutoCellOptions,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    MappingType,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from grafana.links import Page, link
from grafana.promql import quantile
from grafana.sources import PROMETHEUS, buckets, promql

LATEST = "lastNotNull"
Limits = tuple[float, float]
"""A value is orange from the first on, red from the second on; below them, if the second is not larger."""
Drawing = TypeVar("Drawing", timeseries.Panel, stat.Panel, heatmap.Panel, table.Panel, statetimeline.Panel)


@dataclass(frozen=True)
class Query:
    """One PromQL expression, the legend of its series, and whether its exemplars are drawn."""

    expr: str
    legend: str
    exemplars: bool = False


@dataclass(frozen=True)
class Panel:
    """What a panel shows, and what to conclude from it (`description`).

    A panel without `limits` shows a quantity of which no value is good or bad by itself. `more` is the
    dashboard with the details.
    """

    unit: str
    title: str
    limits: Limits | None = None
    more: Page | None = None
    description: str = ""
    queries: tuple[Query, ...] = ()

    def shows(self, description: str, *queries: Query) -> "Panel":
        """Return the panel with its description and these queries."""
        return replace(self, description=description, queries=queries)


per_second = partial(Panel, units.OpsPerSecond)
requests = partial(Panel, units.RequestsPerSecond)
seconds = partial(Panel, units.Seconds)
percent = partial(Panel, units.PercentUnit)
number = partial(Panel, units.Short)

AXIS_REACHES = {
    units.OpsPerSecond: 1,
    units.RequestsPerSecond: 1,
    units.Seconds: 0.01,
    units.PercentUnit: 0.01,
    units.Short: 10,
    units.BytesIEC: 1024**2,
}
"""How far an axis reaches at the least, by unit: of a flat zero Grafana makes 0 to 100, or 0 to 10,000 %."""
FEW = 3
"""So many series have room for their figures in the legend of a third of a row."""


def quantiles(histogram: str, labels: str = "") -> tuple[Query, ...]:
    """Return p50, p95 and p99; one of them brings the exemplars, which are the same for all."""
    p50, p95, p99 = (quantile(share, histogram, labels) for share in (0.5, 0.95, 0.99))
    return Query(p50, "p50"), Query(p95, "p95"), Query(p99, "p99", exemplars=True)


def styled(drawing: Drawing, of: Panel, span: int = 8, height: int = 8) -> Drawing:
    """Return a drawing with what every panel has; `span` counts columns, of which a row has 24."""
    return (
        drawing.title(of.title)
        .description(of.description)
        .unit(of.unit)
        .datasource(PROMETHEUS)
        .span(span)
        .height(height)
        .thresholds(thresholds(of.limits))
        .links([link(of.more)] if of.more else [])
        .targets(_targets(of))
    )


def chart(of: Panel, span: int = 8) -> timeseries.Panel:
    """Return a panel that draws its queries over time, with gaps where there is no data.

    The legend is a list: of a table, which gets a third of the height, two and a half rows would be seen.
    """
    few = len(of.queries) <= FEW and not any("{{" in query.legend for query in of.queries)
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return (
        styled(timeseries.Panel(), of, span)
        .min(0)
        .axis_soft_max(AXIS_REACHES[of.unit])
        .span_nulls(span_nulls=False)
        .fill_opacity(10)
        .show_points(VisibilityMode.NEVER)
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .legend(legend.show_legend(show_legend=True).calcs([LATEST, "max"] if few else []))
    )


def latest(of: Panel, height: int = 4) -> stat.Panel:
    """Return a sixth of a row that shows the latest value, coloured by its limits."""
    return (
        styled(stat.Panel(), of, 4, height)
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs([LATEST]))
    )


def heat_map(of: Panel) -> heatmap.Panel:
    """Return a third of a row with the distribution of a histogram over time; its one query is by `le`."""
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(32)
    tooltip = heatmap.HeatmapTooltip().show_color_scale(show_color_scale=True).y_histogram(y_histogram=True)
    [query] = of.queries
    return (
        styled(heatmap.Panel(), of)
        .calculate(calculate=False)
        .color(colours.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5))
        .y_axis(heatmap.YAxisConfig().unit(of.unit))
        .cell_values(heatmap.CellValues().unit("short"))
        .tooltip(tooltip)
        .targets([buckets(query.expr).ref_id("A")])
    )


def ranking(of: Panel, query: Builder[Dataquery], label: str, *columns: str, height: int = 8) -> table.Panel:
    """Return a third of a row that lists the series of an instant query, largest first.

    Args:
        of: What to show.
        query: Its series differ in one label.
        label: That label.
        columns: The titles of the label's column and of the value's.
        height: In units of the grid.
    """
    titles = dict(zip((label, "Value", "Value #A"), (*columns, columns[-1]), strict=True))
    options = {"excludeByName": {"Time": True}, "renameByName": titles}
    return (
        styled(table.Panel(), of, height=height)
        .cell_options(TableAutoCellOptions(wrap_text=True))
        .override_by_name(columns[-1], [DynamicConfigValue("custom.width", 90)])
        .sort_by([common.TableSortByFieldState().display_name(columns[-1]).desc(desc=True)])
        .with_transformation(DataTransformerConfig(id_val="organize", options=options))
        .targets([query])
    )


def states(of: Panel) -> statetimeline.Panel:
    """Return a third of a row that shows when series were 1 (up, green) and when 0 (down, red)."""
    up = ValueMappingResult(text="up", color="green", index=0)
    down = ValueMappingResult(text="down", color="red", index=1)
    mapping = ValueMap(options={"1": up, "0": down})
    mapping.type_val = MappingType.VALUE_TO_TEXT
    return styled(statetimeline.Panel(), of).show_value(VisibilityMode.NEVER).mappings([mapping])


def thresholds(limits: Limits | None) -> dashboard.ThresholdsConfig:
    """Return the colours by value."""
    steps: list[tuple[float | None, str]] = [(None, "green")]
    if limits:
        warn, bad = limits
        between: list[tuple[float | None, str]] = [(bad, "orange")] if bad < warn else []
        above = [*steps, (warn, "orange"), (bad, "red")]
        steps = above if bad > warn else [(None, "red"), *between, (warn, "green")]
    colours = [Threshold(value, colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours)


def _targets(of: Panel) -> list[Builder[Dataquery]]:
    return [
        promql(query.expr, query.legend, exemplars=query.exemplars).ref_id(chr(ord("A") + index))
        for index, query in enumerate(of.queries)
    ]
