"""What takes an outage, a bug or a stuck order to be logged, each brought about by the code that logs it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import structlog
from redis.exceptions import RedisError, ResponseError
from starlette.types import Receive, Scope, Send

from observability.batch import Batches, Limits
from observability.http import ServerMiddleware
from observability.logs import uncaught
from services.api.dead_letters import dead_letters_router
from services.api.follow import Followers, changes
from services.api.http import http_api
from services.api.orders import OutboxFullError
from services.api.store import OrderStore
from services.common.ids import uuid7
from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.dead_letters import DeadLetters
from services.common.messaging.retries import with_retries
from services.common.outbox.stream import Outbox
from services.common.periodic import periodically
from services.common.redis.client import retry_until_done
from services.worker.messages import OrderCreated
from services.worker.sweeper import MAX_BACKLOG
from tests.unit.api_app import IDS, app
from tests.unit.asgi import call, http_scope
from tests.unit.fakes import delivery
from tests.unit.recorder import Recorder
from tests.unit.test_worker_sweeper import World

Emit = Callable[[], Awaitable[object]]


def failing(error: Exception) -> Callable[..., Awaitable[Any]]:
    """Return a function that always fails."""

    async def fail(*_: object) -> NoReturn:
        raise error

    return fail


async def asked(error: Exception) -> None:
    """Ask for an order, which fails."""
    await call(app(load=failing(error)), http_scope("GET", f"/v1/orders/{uuid7()}"))


async def reading_what_is_no_order() -> None:
    """Read an order's status where something else lies."""
    redis: Any = SimpleNamespace(hgetall=failing(ResponseError("WRONGTYPE Operation against a key")))
    nothing: Any = None
    await OrderStore(
        redis, nothing, nothing, outbox_max_entries=1, idempotency_ttl=1, retention=1, sweep_after=1
    ).status(uuid7())


async def broken_application() -> None:
    """Have a request end in an error that nobody answers."""

    async def broken(_: Scope, __: Receive, ___: Send) -> None:
        raise ZeroDivisionError

    recorder = Recorder()
    await call(
        ServerMiddleware(broken, recorder.tracer, recorder.registry, enabled=True), http_scope("GET", "/")
    )


async def operator_without_broker() -> None:
    """Ask for dead letters while there is no connection."""
    letters = DeadLetters(BrokerConnection("amqp://nobody", "test"), [], lambda publish: publish, print)
    api = http_api([dead_letters_router(letters, [])], [], version="1", ids=lambda: IDS)
    await call(api, http_scope("GET", "/v1/dead-letters"))


async def subscription_without_redis() -> None:
    """Listen for news where there is no Redis."""

    def pubsub(**_: object) -> NoReturn:
        raise RedisError("gone")

    await Followers(cast("Any", SimpleNamespace(pubsub=pubsub)), limit=1).run()


async def stream_without_redis() -> None:
    """Follow an order whose status cannot be read."""
    followers, load = Followers(cast("Any", None), limit=1), failing(RedisError("gone"))
    async for _ in changes(followers, load, uuid7(), seen=0, ending=lambda: False):
        pass


async def sweeping_put_off() -> None:
    """Sweep while the queue is long."""
    await World("republished", waiting=MAX_BACKLOG + 1).sweeper().sweep()


async def sweeping_for_the_last_time() -> None:
    """Sweep an order that was republished often enough."""
    await World("exhausted").sweeper().sweep()


async def sweeping_what_is_no_order() -> None:
    """Sweep an entry that nobody understands."""
    await World("exhausted", broken=ValueError("no id")).sweeper().sweep()


async def showing_what_cannot_be_shown() -> None:
    """Log what contains itself."""
    endless: list[object] = []
    endless.append(endless)
    structlog.get_logger().info("hello", what=endless)


async def a_bug_that_ends_it_all() -> None:
    """Have an error leave the program."""
    error = ZeroDivisionError("a bug")
    uncaught(type(error), error, None)


async def taking_what_is_no_event() -> None:
    """Take an entry of the outbox that lacks what every event has."""

    async def xreadgroup(*_: object, **__: object) -> object:
        return [["outbox:api", [("1-0", {"body": "{}", "correlation_id": "rare-1"})]]]

    outbox = Outbox(cast("Any", SimpleNamespace(xreadgroup=xreadgroup)), "api", context=dict)
    await outbox.read_new("relay", count=1, block_ms=1)


async def giving_up_in_vain() -> None:
    """Process a message that cannot be read, and whose order cannot be failed."""
    process = with_retries(
        OrderCreated.model_validate_json, failing(ValueError()), on_dead_letter=failing(RedisError("gone"))
    )
    await process(delivery(b"no JSON"))


async def background_work_that_ends() -> None:
    """Run work that should go on for ever, and does not."""
    async with Lifetime().background(failing(ValueError("a bug"))(), "watch"):  # type: ignore[arg-type]
        await asyncio.sleep(1)


async def export_in_vain(what: str) -> None:
    """Export one of what there is through an exporter that raises."""
    batches: Batches[str] = Batches(what, Raising(), Limits(60, 9, 1), on_drop=print)
    batches.put(f"a {what}")
    await asyncio.to_thread(batches.shutdown)


class Raising:
    """Raises where it should answer."""

    def export(self, batch: Sequence[object], /) -> NoReturn:
        """Raise."""
        raise ValueError(f"{len(batch)} things")

    def shutdown(self) -> None:
        """Have nothing to give up."""


RARE: dict[str, Emit] = {
    "request failed": broken_application,
    "outbox full": lambda: asked(OutboxFullError()),
    "order damaged": reading_what_is_no_order,
    "unexpected error": lambda: asked(ZeroDivisionError()),
    "broker unavailable": operator_without_broker,
    "status subscription lost": subscription_without_redis,
    "status not readable": stream_without_redis,
    "order stuck, failing it": sweeping_for_the_last_time,
    "order cannot be swept": sweeping_what_is_no_order,
    "sweep put off: orders wait for their turn": sweeping_put_off,
    "log line not rendered": showing_what_cannot_be_shown,
    "process failed": a_bug_that_ends_it_all,
    "outbox entry unusable": taking_what_is_no_event,
    "giving up failed, trying again": giving_up_in_vain,
    "redis not ready": lambda: retry_until_done(failing(RedisError("gone")), Lifetime()),
    "periodic work failed": lambda: periodically(
        failing(RedisError("gone")), 60, name="work", errors=(RedisError,)
    ),
    "background task failed": background_work_that_ends,
    "span export failed": lambda: export_in_vain("span"),
    "log export failed": lambda: export_in_vain("log"),
}
