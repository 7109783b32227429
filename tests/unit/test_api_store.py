"""What the store makes of Redis' errors: an order's damage is that order's, other trouble everybody's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from structlog.testing import capture_logs

from services.api.catalogue import CATALOGUE
from services.api.orders import price
from services.api.schemas import EXAMPLE, NewOrder
from services.api.store import OrderStore
from tests.unit.api_app import UNKNOWN, app
from tests.unit.asgi import Answer, call, http_scope

OLDER, NEWER = UNKNOWN, "01a21356-f395-7180-94cd-33f2abfe6c78"
STATE = ["pending", None]


def document(order_id: str) -> str:
    """Return what is stored of an order."""
    return price(NewOrder.model_validate(EXAMPLE), CATALOGUE, order_id).model_dump_json()


class Fake:
    """Stands for Redis: answers the pipeline that reads orders with certain replies, or fails."""

    def __init__(self, *replies: object, failure: Exception | None = None) -> None:
        """Keep what to answer."""
        self.replies = list(replies)
        self.failure = failure

    async def zrange(self, *_: object, **__: object) -> list[str]:
        """List two orders, the newest first."""
        return [NEWER, OLDER]

    async def __call__(self, _: object) -> object:
        """Answer a single command."""
        if self.failure is not None:
            raise self.failure
        return self.replies.pop(0)

    @asynccontextmanager
    async def pipeline(self, *, transaction: bool) -> AsyncIterator[SimpleNamespace]:
        """Open a pipeline."""
        assert not transaction

        async def execute(*, raise_on_error: bool) -> list[object]:
            assert not raise_on_error
            if self.failure is not None:
                raise self.failure
            return self.replies

        yield SimpleNamespace(get=print, hmget=print, execute=execute)


async def asked(path: str, redis: Fake) -> tuple[Answer, list[Any]]:
    """Return the answer to a request, and the lines of the log."""
    stand_in: Any = redis
    nothing: Any = None
    store = OrderStore(stand_in, stand_in, nothing, nothing, nothing)
    api = app(load=store.order, load_status=store.status, page=store.page)
    with capture_logs() as logs:
        return await call(api, http_scope("GET", f"/v1/orders{path}")), logs


async def test_a_damaged_order_is_left_out_of_its_page() -> None:
    """The others are shown; the log names the one and says nothing of what it holds."""
    redis = Fake(b'{"customer": "ada"}', STATE, document(OLDER), STATE)
    answer, logs = await asked("", redis)
    assert (answer.status, [one["id"] for one in answer.json()["items"]]) == (200, [OLDER])
    assert logs == [
        {"event": "order damaged", "order_id": NEWER, "error": "ValidationError", "log_level": "error"}
    ]


@pytest.mark.parametrize(
    "failure",
    [RedisConnectionError(), RedisTimeoutError(), BusyLoadingError(), ReadOnlyError(), OutOfMemoryError()],
)
@pytest.mark.parametrize("path", ["", f"/{OLDER}", f"/{OLDER}/status", f"/{OLDER}/events"])
async def test_trouble_of_redis_is_no_damage(path: str, failure: Exception) -> None:
    """503 with the time to come back, for one order and for a page, and no order is blamed."""
    answer, logs = await asked(path, Fake(failure=failure))
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert [line["event"] for line in logs] == ["store unavailable"]


@pytest.mark.parametrize("failure", [ReadOnlyError(), OutOfMemoryError(), ResponseError("MASTERDOWN")])
async def test_trouble_of_redis_in_a_single_reply_is_no_damage_either(failure: Exception) -> None:
    """As a server answers each command by itself."""
    answer, logs = await asked("", Fake(document(NEWER), STATE, failure, failure))
    assert (answer.status, [line["event"] for line in logs]) == (503, ["store unavailable"])
