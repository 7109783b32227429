"""What takes an outage, a bug or a stuck order to be logged, each brought about by the code that logs it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
import structlog
from prometheus_client import CollectorRegistry
from redis.exceptions import RedisError, ResponseError
from starlette.types import Receive, Scope, Send

from observability import TelemetrySettings
from observability.export import batch
from observability.export.batch import BatchExporter
from observability.export.client import Outcome
from observability.http import HttpMiddleware
from observability.logs import log_uncaught
from observability.metrics import export_metrics
from observability.settings import Batching
from observability.setup import warn_of_old_names
from services.api.dead_letters import dead_letters_router
from services.api.follow import Followers, changes
from services.api.http import ConcurrencyLimit, http_api
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
from services.common.startup import exit_on_bad_settings
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
    pipeline: Any = failing(ResponseError("WRONGTYPE Operation against a key"))
    nothing: Any = None
    await OrderStore(nothing, pipeline, nothing, nothing, nothing).status(uuid7())


async def broken_application() -> None:
    """Have a request end in an error that nobody answers."""

    async def broken(_: Scope, __: Receive, ___: Send) -> None:
        raise ZeroDivisionError

    recorder = Recorder()
    await call(
        HttpMiddleware(broken, recorder.tracer, recorder.registry, enabled=True), http_scope("GET", "/")
    )


async def one_request_too_many() -> None:
    """Ask an application that serves as many requests as it may."""
    refusing = ConcurrencyLimit(app(), routes=[], ids=lambda: IDS, limit=0)
    await call(refusing, http_scope("GET", "/v1/orders"))


async def operator_without_broker() -> None:
    """Ask for dead letters while there is no connection."""
    nowhere = BrokerConnection("amqp://nobody", "test")
    dead_letters = DeadLetters(nowhere, nowhere, ["q.dlq"], lambda publish: publish, print)
    api = http_api([dead_letters_router(dead_letters, [])], [], version="1", ids=lambda: IDS)
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
    log_uncaught(type(error), error, None)


async def taking_what_is_no_event() -> None:
    """Take an entry of the outbox that lacks what every event has."""

    async def xreadgroup(*_: object, **__: object) -> object:
        return {"outbox:api": [("1-0", {"body": "{}", "correlation_id": "rare-1"})]}

    outbox = Outbox(cast("Any", SimpleNamespace(xreadgroup=xreadgroup)), "api", dict)
    await outbox.read_new("relay", 1, block_ms=1)


async def giving_up_in_vain() -> None:
    """Process a message that cannot be read, and whose order cannot be failed."""
    process = with_retries(
        OrderCreated.model_validate_json, failing(ValueError()), on_dead_letter=failing(RedisError("gone"))
    )
    await process(delivery(b"no JSON"))


async def starting_with_a_bad_setting() -> None:
    """Start with a variable that is no number; logs stay as they are configured here."""
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit), exit_on_bad_settings("api"):
        patch.setattr(structlog, "configure", print)
        raise ValueError("OTEL_SPAN_EVENT_COUNT_LIMIT must be a number")


async def background_work_that_ends() -> None:
    """Run work that should go on for ever, and does not."""
    async with Lifetime().background(failing(ValueError("a bug"))(), "watch"):  # type: ignore[arg-type]
        await asyncio.sleep(1)


def log_exporter(send: Callable[[bytes], object]) -> BatchExporter[str]:
    """Return what exports log lines one by one, by this function."""
    _, lines = export_metrics(CollectorRegistry())
    client: Any = SimpleNamespace(endpoint="http://loki", send=send, close=lambda: None)
    one_by_one = Batching(schedule_delay=60_000, max_queue_size=9, max_export_batch_size=1)
    return BatchExporter("logs", lambda _: (b"", 1), client, one_by_one, lines)


async def exporting(*outcomes: Outcome) -> None:
    """Export one log line after the other to a backend that answers like this."""
    left = list(outcomes)
    exporter = log_exporter(lambda _: left.pop(0))
    for _ in outcomes:
        exporter.put("a line")
    await asyncio.to_thread(exporter.shutdown)


async def old_name() -> None:
    """Start with an environment of yesterday."""
    warn_of_old_names(TelemetrySettings(telemetry="on"))


async def closing_while_the_backend_hangs() -> None:
    """Shut an exporter down whose backend has not answered; how long that is waited for is cut short."""
    released = threading.Event()
    exporter = log_exporter(lambda _: released.wait(5))
    exporter.put("a line")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "CLOSE_SECONDS", 0.01)
        exporter.shutdown()
    released.set()


RARE: dict[str, Emit] = {
    "request failed": broken_application,
    "request refused": one_request_too_many,
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
    "settings refused": starting_with_a_bad_setting,
    "process failed": a_bug_that_ends_it_all,
    "outbox entry unusable": taking_what_is_no_event,
    "giving up failed, trying again": giving_up_in_vain,
    "redis not ready": lambda: retry_until_done(failing(RedisError("gone")), Lifetime()),
    "periodic work failed": lambda: periodically(
        failing(RedisError("gone")), 60, name="work", errors=(RedisError,)
    ),
    "background task failed": background_work_that_ends,
    "telemetry export failing": lambda: exporting(Outcome("http_503", "busy")),
    "telemetry export recovered": lambda: exporting(Outcome("http_503"), Outcome("exported")),
    "telemetry lost at shutdown": closing_while_the_backend_hangs,
    "TELEMETRY=on is an old name": old_name,
}
