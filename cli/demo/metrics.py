"""The numbers, from Prometheus."""

import time
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import httpx2
from rich.table import Table

from cli.demo.waiting import wait_for

SERVER_ERRORS = 'http_response_status_code=~"5.."'
READY = "rabbitmq_detailed_queue_messages_ready"
WORK_QUEUES = 'queue=~"worker[.]order-created|notifier[.]order-outcome"'


@dataclass(frozen=True, slots=True)
class Numbers:
    """What Prometheus knows."""

    queues: dict[str, float]
    """Messages that are ready, by queue."""
    p95_seconds: float
    """Of placing an order, since the start."""
    error_ratio: float
    """Share of requests that were answered with 5xx, since the start."""
    requests: float


def read(endpoints: dict[str, str], *, dead_letters: int) -> Numbers:
    """Return the numbers of this stack, scraped after this call began.

    Prometheus keeps what an earlier stack left behind, so series are picked by their instance and their age.
    """
    prometheus, now = endpoints["prometheus"], time.time()
    posts = _posts(endpoints["api"], "count")
    depths = _series(endpoints["rabbitmq_metrics"], READY)
    dead = _series(endpoints["rabbitmq_metrics"], READY, 'queue=~".*[.]dlq"')
    busy = _series(endpoints["rabbitmq_metrics"], READY, WORK_QUEUES)
    for what, expression in (
        ("a scrape of the api", f"timestamp({posts}) > {now}"),
        ("the depths of both work queues", f"count(timestamp({busy}) > {now}) == 2"),
        ("the dead letter", f"sum({dead} and timestamp({dead}) > {now}) >= {dead_letters}"),
    ):
        wait_for(f"{what} in Prometheus", partial(_query, prometheus, expression), seconds=30)
    failed = f"(sum({_posts(endpoints['api'], 'count', SERVER_ERRORS)}) or vector(0))"
    p95 = f"histogram_quantile(0.95, sum by (le) ({_posts(endpoints['api'], 'bucket')}))"
    return Numbers(
        queues=_query(prometheus, f"sum by (queue) ({depths})"),
        p95_seconds=_value(prometheus, p95),
        error_ratio=_value(prometheus, f"{failed} / sum({posts})"),
        requests=_value(prometheus, f"sum({posts})"),
    )


def table(numbers: Numbers) -> Table:
    """Return the numbers as a table."""
    view = Table("from Prometheus", "value", box=None, pad_edge=False)
    view.add_row("orders placed", f"{numbers.requests:.0f}")
    view.add_row("p95 of POST /v1/orders", f"{numbers.p95_seconds * 1000:.0f} ms")
    view.add_row("error rate (5xx)", f"{numbers.error_ratio:.1%}")
    for queue, depth in sorted(numbers.queues.items()):
        if depth or ".retry." not in queue:
            view.add_row(f"ready in {queue}", f"{depth:.0f}")
    return view


def _posts(api: str, part: str, *more: str) -> str:
    name = f"http_server_request_duration_seconds_{part}"
    return _series(api, name, 'http_request_method="POST"', 'http_route="/v1/orders"', *more)


def _series(address: str, name: str, *matchers: str) -> str:
    return f"{name}{{{','.join([_instance(address), *matchers])}}}"


def _instance(address: str) -> str:
    return f'instance="{urlsplit(address).netloc}"'


def _query(prometheus: str, expression: str) -> dict[str, float]:
    response = httpx2.get(
        f"{prometheus}/api/v1/query", params={"query": expression}, timeout=5, trust_env=False
    )
    response.raise_for_status()
    result = response.json()["data"]["result"]
    return {item["metric"].get("queue", ""): float(item["value"][1]) for item in result}


def _value(prometheus: str, expression: str) -> float:
    return next(iter(_query(prometheus, expression).values()), 0.0)
