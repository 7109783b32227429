"""Panels that are neither a chart nor a number: heat map, table, states over time."""

from grafana_foundation_sdk.builders import common, heatmap, statetimeline, table
from grafana_foundation_sdk.models.common import VisibilityMode
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    MappingType,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from grafana.panels import Panel, links, thresholds
from grafana.sources import PROMETHEUS, buckets, promql, promql_now


def heat_map(panel: Panel) -> heatmap.Panel:
    """Return a third of a row with the distribution of a histogram over time; its one query is by `le`."""
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(32)
    [query] = panel.queries
    return (
        heatmap.Panel()
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(PROMETHEUS)
        .span(8)
        .height(8)
        .calculate(calculate=False)
        .color(colours.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5))
        .y_axis(heatmap.YAxisConfig().unit(panel.unit))
        .cell_values(heatmap.CellValues().unit("short"))
        .tooltip(
            heatmap.HeatmapTooltip().show_color_scale(show_color_scale=True).y_histogram(y_histogram=True)
        )
        .thresholds(thresholds(panel))
        .links(links(panel))
        .targets([buckets(query.expr).ref_id("A")])
    )


def ranking(panel: Panel, columns: dict[str, str]) -> table.Panel:
    """Return a third of a row that lists the series of its one query now, largest first.

    Args:
        panel: What to show.
        columns: Titles of the labels that are shown, by label, and of `Value`; others are left out.
    """
    [query] = panel.queries
    names = DataTransformerConfig(
        id_val="organize",
        options={"renameByName": columns, "includeByName": dict.fromkeys(columns, True)},
    )
    return (
        table.Panel()
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(PROMETHEUS)
        .span(8)
        .height(8)
        .thresholds(thresholds(panel))
        .sort_by([common.TableSortByFieldState().display_name(columns["Value"]).desc(desc=True)])
        .with_transformation(names)
        .links(links(panel))
        .targets([promql_now(query.expr).ref_id("A")])
    )


def states(panel: Panel) -> statetimeline.Panel:
    """Return a third of a row that shows when series were 1 (up, green) and when 0 (down, red)."""
    [query] = panel.queries
    up = ValueMappingResult(text="up", color="green", index=0)
    down = ValueMappingResult(text="down", color="red", index=1)
    mapping = ValueMap(options={"1": up, "0": down})
    mapping.type_val = MappingType.VALUE_TO_TEXT
    return (
        statetimeline.Panel()
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(PROMETHEUS)
        .span(8)
        .height(8)
        .show_value(VisibilityMode.NEVER)
        .mappings([mapping])
        .thresholds(thresholds(panel))
        .links(links(panel))
        .targets([promql(query.expr, query.legend).ref_id("A")])
    )
