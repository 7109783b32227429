"""An order that somebody overwrote, in a real Redis: it alone cannot be read, and that is said."""

from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from tests.integration.test_accepting import ORDER, placing, store
from tests.unit.api_app import app
from tests.unit.asgi import Answer, call, http_scope

Commands = list[tuple[str | bytes, ...]]
DOCUMENT = [
    pytest.param([("DEL", "order"), ("RPUSH", "order", "x")], id="another type"),
    pytest.param([("SET", "order", "{}")], id="no such document"),
    pytest.param([("SET", "order", "{")], id="no JSON"),
    pytest.param([("SET", "order", b"\xff\xfe\x00")], id="no UTF-8"),
]
STATUS = [
    pytest.param([("SET", "order:status", "pending")], id="a status of another type"),
    pytest.param([("HSET", "order:status", "status", "lost")], id="an unknown status"),
    pytest.param([("HSET", "order:status", "status", b"\xff")], id="a status that is no UTF-8"),
]


async def damaged(redis: Redis, commands: Commands) -> tuple[str, list[str]]:
    """Place three orders and overwrite the second; return its id and those of the others, newest first."""
    place = placing(store(redis))
    first, second, third = sorted([(await place(ORDER, None)).order.id for _ in range(3)])
    for name, key, *rest in commands:
        await redis.execute_command(name, str(key).replace("order", f"order:{second}"), *rest)  # type: ignore[no-untyped-call]
    return second, [third, first]


async def asked(redis: Redis, path: str) -> tuple[Answer, list[Any]]:
    """Return the answer to a request, and the lines of the log."""
    orders = store(redis)
    api = app(load=orders.order, load_status=orders.status, page=orders.page)
    with capture_logs() as logs:
        return await call(api, http_scope("GET", f"/v1/orders{path}")), logs


def named(logs: list[Any], order_id: str) -> bool:
    """Return whether the log says which order is damaged, once, and nothing else."""
    [line] = logs
    return (line["event"], line["log_level"], line["order_id"]) == ("order damaged", "error", order_id)


@pytest.mark.parametrize("commands", [*DOCUMENT, *STATUS])
async def test_a_damaged_order_hides_no_other(redis: Redis, commands: Commands) -> None:
    """The page shows the rest, and goes on over it; the order by itself is an error that does not pass."""
    order_id, others = await damaged(redis, commands)
    answer, logs = await asked(redis, "")
    assert (answer.status, [order["id"] for order in answer.json()["items"]]) == (200, others)
    assert named(logs, order_id)
    page = (await store(redis).page(2, None)).next_cursor
    assert [order.id for order in (await store(redis).page(2, page)).items] == others[1:]
    answer, logs = await asked(redis, f"/{order_id}")
    assert (answer.status, answer.header("retry-after")) == (500, None)
    assert answer.json()["type"].endswith(":order-damaged")
    assert named(logs, order_id)


@pytest.mark.parametrize("path", ["status", "events"])
@pytest.mark.parametrize(
    "commands", [*STATUS, pytest.param([("HDEL", "order:status", "status")], id="without its name")]
)
async def test_so_is_a_damaged_status(redis: Redis, commands: Commands, path: str) -> None:
    """Nobody is asked to come back, and no stream begins."""
    order_id, _ = await damaged(redis, commands)
    answer, logs = await asked(redis, f"/{order_id}/{path}")
    assert (answer.status, answer.header("retry-after")) == (500, None)
    assert named(logs, order_id)
