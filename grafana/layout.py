"""How panels become a dashboard: titled rows, numbered panels, the same time range and refresh everywhere.

The dashboards use the classic model (schema 42), which Grafana provisions from files.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, DashboardCursorSync, Panel, VariableModel

from grafana.links import TAG, Page, siblings
from grafana.sources import PROMETHEUS

FIRING = 'ALERTS{alertstate="firing"}'


@dataclass(frozen=True)
class Row:
    """A titled line of panels; panels that do not fit its 24 columns go to the next line."""

    title: str
    panels: Iterable[Builder[Panel]]


def page(
    which: Page, description: str, rows: Iterable[Row], variables: Iterable[Builder[VariableModel]] = ()
) -> Dashboard:
    """Return a dashboard of `rows` over the last 15 minutes that refreshes with every scrape.

    Its charts show when alerts fired, and it links to all other dashboards.
    """
    builder = (
        dashboard.Dashboard(which.value)
        .uid(which.uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-15m", "now")
        .refresh("5s")
        .timezone("browser")
        .links([siblings()])
        .annotation(_alerts())
    )
    for variable in variables:
        builder.with_variable(variable)
    for row in rows:
        builder.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            builder.with_panel(panel)
    return _finished(builder.build())


def _alerts() -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .datasource(PROMETHEUS)
        .enable(enable=True)
        .icon_color("red")
        .expr(FIRING)
        .title_format("{{alertname}}")
        .text_format("{{job}} {{queue}} {{slo}}")
        .step("5s")
    )


def _finished(page: Dashboard) -> Dashboard:
    """Give every panel and row its own id, by which links name it, and show the links that lead elsewhere."""
    for number, panel in enumerate(page.panels or (), start=1):
        panel.id_val = number  # the builders leave rows at 0
        if isinstance(panel, Panel):
            panel.links = [link for link in panel.links or () if link.url != f"/d/{page.uid}"]
    for link in page.links or ():
        link.placement = None  # type: ignore[assignment] # left out of the JSON: the SDK's default hides it in a menu
    return page
