"""The numbers, from Prometheus."""

from dataclasses import dataclass

import httpx2
from rich.table import Table

from stack.demo.waiting import wait_for

POSTS = (
    'http_server_request_duration_seconds_{part}{{http_request_method="POST",http_route="/v1/orders"{more}}}'
)
SERVER_ERRORS = ',http_response_status_code=~"5.."'
WORK_QUEUES = "worker[.]order-created|notifier[.]order-outcome"
QUEUES = "sum by (queue) (rabbitmq_detailed_queue_messages_ready)"


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


def read(prometheus: str, *, orders: int, dead_letters: int) -> Numbers:
    """Return the numbers once Prometheus has seen so many orders and so many dead letters."""
    posts = f"sum({_posts('count')})"
    wait_for("the orders in Prometheus", lambda: _value(prometheus, f"{posts} >= {orders}"), seconds=30)
    dead = f'sum(rabbitmq_detailed_queue_messages_ready{{queue=~".*[.]dlq"}}) >= {dead_letters}'
    wait_for("the dead letter in Prometheus", lambda: _query(prometheus, dead), seconds=30)
    failed = f"(sum({_posts('count', SERVER_ERRORS)}) or vector(0))"
    p95 = f"histogram_quantile(0.95, sum by (le) ({_posts('bucket')}))"
    depths = f'count(rabbitmq_detailed_queue_messages_ready{{queue=~"{WORK_QUEUES}"}}) == 2'
    wait_for("the queues in Prometheus", lambda: _value(prometheus, depths), seconds=30)
    return Numbers(
        queues=_query(prometheus, QUEUES),
        p95_seconds=_value(prometheus, p95),
        error_ratio=_value(prometheus, f"{failed} / {posts}"),
        requests=_value(prometheus, posts),
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


def _posts(part: str, more: str = "") -> str:
    return POSTS.format(part=part, more=more)


def _query(prometheus: str, expression: str) -> dict[str, float]:
    response = httpx2.get(f"{prometheus}/api/v1/query", params={"query": expression}, timeout=5)
    response.raise_for_status()
    result = response.json()["data"]["result"]
    return {item["metric"].get("queue", ""): float(item["value"][1]) for item in result}


def _value(prometheus: str, expression: str) -> float:
    return next(iter(_query(prometheus, expression).values()), 0.0)
