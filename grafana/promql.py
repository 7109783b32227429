"""PromQL written once: rates and quantiles over the window that Grafana picks for the zoom level."""

WINDOW = "$__rate_interval"

OURS = 'job=~"api|worker|notifier"'
WORK_QUEUES = 'queue!~".*[.](dlq|retry[.].*)|operator[.].*"'
DEAD_LETTERS = 'queue=~".*[.]dlq"'
RETRIES = 'queue=~".*[.]retry[.].*"'

# Probes and scrapes say nothing about users, and an event stream lasts as long as its reader stays.
USER_ROUTES = 'http_route!~"/health|/ready|/metrics|.*/events"'


def rate(counter: str, labels: str = "", by: str = "") -> str:
    """Return the summed rate of `counter` a second, split by the labels named in `by`."""
    selected = f"{counter}{{{labels}}}" if labels else counter
    return f"sum{_split(by)}(rate({selected}[{WINDOW}]))"


def quantile(share: float, histogram: str, labels: str = "", by: str = "") -> str:
    """Return the `share` quantile (0 to 1) of `histogram`, in the histogram's unit.

    Without observations it is NaN, over which sparklines draw a line; the comparison leaves NaN out.
    """
    groups = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', labels, groups)}) >= 0"


def quantile_by_queue(share: float, histogram: str) -> str:
    """Return the `share` quantile of `histogram` for each queue that messages were taken from.

    The queue is the last part of `messaging_destination_name`, which for a retry lacks the parts before it.
    """
    source = '"messaging_destination_name", "(?:.*:)?([^:]+)"'
    rates = f'label_replace(rate({histogram}_bucket[{WINDOW}]), "queue", "$1", {source})'
    return f"histogram_quantile({share}, sum by (le, queue) ({rates})) >= 0"


def ratio(part: str, total: str) -> str:
    """Return `part / total` (0 to 1): zero when `part` has no series, no value when `total` is 0."""
    return f"({part} or vector(0)) / ({total} > 0)"


def either(first: str, second: str) -> str:
    """Return the series of `first`, or of `second` where `first` has none."""
    return f"({first}) or ({second})"


def _split(by: str) -> str:
    return f" by ({by}) " if by else ""
