"""The metrics, from Prometheus."""

import time
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from rich.table import Table

from cli.demo.waiting import get, wait_for

READY = "rabbitmq_detailed_queue_messages_ready"
WORK_QUEUES = 'queue=~"worker[.]order-created|notifier[.]order-outcome"'
SERVER_ERRORS = 'http_response_status_code=~"5.."'
DEAD_LETTER_QUEUES = 'queue=~".*[.]dlq"'


def table(endpoints: Mapping[str, str]) -> Table:
    """Return the figures of this stack as a table, scraped after this call began.

    Prometheus keeps what an earlier stack left behind, so series are picked by their instance and their age.
    """
    api, broker = (urlsplit(endpoints[name]).netloc for name in ("api", "rabbitmq_metrics"))
    now, prometheus = time.time(), endpoints["prometheus"]
    accepted = f'orders_accepted_total{{instance="{api}",outcome="new"}}'
    work, dead = (f'{READY}{{instance="{broker}",{which}}}' for which in (WORK_QUEUES, DEAD_LETTER_QUEUES))
    fresh = {
        "a scrape of the api": f"timestamp({accepted}) > {now}",
        "the depths of both work queues": f"count(timestamp({work}) > {now}) == 2",
        "the dead letter": f"sum({dead} and timestamp({dead}) > {now}) >= 1",
    }
    for what, expression in fresh.items():
        wait_for(f"{what} in Prometheus", partial(_query, prometheus, expression), seconds=30)
    requests, errors = (f"sum({_posts(api, now, 'count', *more)})" for more in ((), (SERVER_ERRORS,)))
    buckets = f"sum by (le) ({_posts(api, now, 'bucket')})"
    seconds = _value(prometheus, f"histogram_quantile(0.95, {buckets})")
    view = Table("from Prometheus", "value", box=None, pad_edge=False)
    view.add_row("orders placed", f"{_value(prometheus, accepted):.0f}")
    view.add_row("p95 of POST /v1/orders", f"{seconds * 1000:.0f} ms")
    view.add_row("error rate (5xx)", f"{_value(prometheus, f'({errors} or vector(0)) / {requests}'):.1%}")
    depths = _query(prometheus, f'sum by (queue) ({READY}{{instance="{broker}"}})')
    for queue, depth in sorted(depths.items()):
        if depth or ".retry." not in queue:
            view.add_row(f"ready in {queue}", f"{depth:.0f}")
    return view


def _posts(api: str, now: float, part: str, *more: str) -> str:
    """Return an expression for series with a sample since then: those of a former process have none."""
    matchers = (f'instance="{api}"', 'http_request_method="POST"', 'http_route="/v1/orders"', *more)
    series = f"http_server_request_duration_seconds_{part}{{{','.join(matchers)}}}"
    return f"({series} and timestamp({series}) > {now})"


def _query(prometheus: str, expression: str) -> dict[str, float]:
    result = get(f"{prometheus}/api/v1/query", query=expression)["data"]["result"]
    return {item["metric"].get("queue", ""): float(item["value"][1]) for item in result}


def _value(prometheus: str, expression: str) -> float:
    return next(iter(_query(prometheus, expression).values()), 0.0)
