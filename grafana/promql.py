"""PromQL written once: rates and quantiles over the window that Grafana picks for the zoom level."""

WINDOW = "$__rate_interval"

# Probes and scrapes say nothing about users, and an event stream lasts as long as its reader stays.
USER_ROUTES = 'http_route!~"/health|/ready|/metrics|.*/events"'


def rate(counter: str, labels: str = "", by: str = "") -> str:
    """Return the summed rate of `counter` a second, split by the labels named in `by`."""
    selected = f"{counter}{{{labels}}}" if labels else counter
    return f"sum{_split(by)}(rate({selected}[{WINDOW}]))"


def quantile(share: float, histogram: str, labels: str = "", by: str = "") -> str:
    """Return the `share` quantile (0 to 1) of `histogram`, in the histogram's unit."""
    groups = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', labels, groups)})"


def ratio(part: str, whole: str) -> str:
    """Return `part / whole` (0 to 1): zero when `part` has no series, nothing when `whole` is at rest."""
    return f"({part} or vector(0)) / ({whole} > 0)"


def _split(by: str) -> str:
    return f" by ({by}) " if by else ""
