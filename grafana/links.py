"""The dashboards by name, and links that lead to them."""

from enum import Enum

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

TAG = "orderscope"


class Page(Enum):
    """A dashboard; its value is its title."""

    OVERVIEW = "Overview"
    QUEUES = "Queues"
    SLO = "SLO"
    SERVICE = "Service"
    TELEMETRY = "Telemetry"
    FOLLOW = "Follow an order"

    @property
    def uid(self) -> str:
        """Return the uid in its address, which alerts and bookmarks use."""
        return f"{TAG}-{self.name.lower()}"


def link(page: Page) -> dashboard.DashboardLink:
    """Return a link from a panel to a dashboard, at the same time."""
    return (
        dashboard.DashboardLink(page.value)
        .type(DashboardLinkType.LINK)
        .url(f"/d/{page.uid}")
        .keep_time(keep_time=True)
    )


def siblings() -> dashboard.DashboardLink:
    """Return the links from each dashboard to all, at the same time and with the same variables."""
    return (
        dashboard.DashboardLink("Dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .keep_time(keep_time=True)
        .include_vars(include_vars=True)
    )
