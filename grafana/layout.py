"""How panels become a dashboard: titled rows, numbered panels, the same clock and refresh everywhere.

It is the classic model (schema 42), which Grafana provisions from files.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, DashboardCursorSync, Panel


@dataclass(frozen=True)
class Row:
    """A titled line of panels; panels that do not fit its 24 columns go to the next line."""

    title: str
    panels: tuple[Builder[Panel], ...]


def page(uid: str, title: str, description: str, rows: Iterable[Row]) -> Dashboard:
    """Return a dashboard of `rows` over the last 15 minutes that refreshes with every scrape."""
    builder = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["orderscope"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-15m", "now")
        .refresh("5s")
        .timezone("browser")
    )
    for row in rows:
        builder.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            builder.with_panel(panel)
    return _numbered(builder.build())


def _numbered(page: Dashboard) -> Dashboard:
    """Give every panel and row its own id: the builders leave rows at 0, and links name panels by id."""
    for number, panel in enumerate(page.panels or (), start=1):
        panel.id_val = number
    return page
