"""Publishing in batches: what is written, and what each message's outcome is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from aio_pika.exceptions import DeliveryError
from pamqp.commands import Basic
from pamqp.frame import unmarshal

from services.common.messaging import publisher as publishing
from services.common.messaging.frames import event
from services.common.messaging.messages import Outgoing, PublishBatch
from services.common.messaging.publisher import publisher

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel

REFUSED = DeliveryError(None, Basic.Nack())


@dataclass
class Underlay:
    """Stands for aiormq's channel: its counters, and the queue to the connection's writer."""

    number: int = 1
    max_content_size: int = 10
    delivery_tag: int = 0
    confirmations: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    message_id_delivery_tag: dict[str, int] = field(default_factory=dict)
    write_queue: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    locked: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Hold the lock, as aiormq's own does."""
        async with self.locked:
            yield

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future."""
        return asyncio.get_running_loop().create_future()

    async def get_underlay_channel(self) -> "Underlay":
        """Return itself: it stands for aio-pika's channel, too."""
        return self

    def publisher(self) -> PublishBatch:
        """Return the function to be tested."""
        channel = cast("AbstractChannel", self)
        return publisher(channel, "orders", event("api"))


def message(number: int, **fields: Any) -> Outgoing:  # noqa: ANN401 - any field
    """Return a message, some of its fields otherwise."""
    plain = {
        "entry": "1-1",
        "exchange": "orders",
        "routing_key": "order.created.v1",
        "message_id": f"id-{number}",
        "correlation_id": "checkout-42",
        "body": b'{"number": 12345}',
        "headers": {"x-attempt": 1},
    }
    return Outgoing(**{**plain, **fields})


def frames(payload: bytes) -> list[Any]:
    """Return the frames in what was written."""
    found = []
    while payload:
        size, _, frame = unmarshal(payload)
        found.append(frame)
        payload = payload[size:]
    return found


async def published(underlay: Underlay, *messages: Outgoing) -> asyncio.Task[Any]:
    """Begin to publish messages and return the task, once they are written."""
    task = asyncio.create_task(cast("Any", underlay.publisher()(messages)))
    async with asyncio.timeout(5):
        while underlay.write_queue.empty():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
    return task


async def test_a_batch_is_one_write() -> None:
    """Each message with its exchange, key, properties and body, which is cut to what a frame can hold."""
    underlay = Underlay()
    task = await published(underlay, message(1), message(2))
    method, header, *bodies = frames(underlay.write_queue.get_nowait().payload)[:4]
    assert underlay.write_queue.empty()
    assert (method.exchange, method.routing_key, method.mandatory) == ("orders", "order.created.v1", True)
    properties = header.properties
    assert (properties.message_id, properties.delivery_mode, properties.app_id) == ("id-1", 2, "api")
    assert b"".join(body.value for body in bodies) == b'{"number": 12345}'
    assert header.body_size == 17
    assert underlay.message_id_delivery_tag == {"id-1": 1, "id-2": 2}
    for confirm in underlay.confirmations.values():
        confirm.set_result(Basic.Ack())
    assert await task == [None, None]
    assert underlay.message_id_delivery_tag == {}


async def test_messages_of_a_batch_fail_one_by_one() -> None:
    """Confirmed, refused, lost with the connection: the outcomes come in the messages' order."""
    underlay = Underlay()
    task = await published(underlay, message(1), message(2), message(3))
    underlay.confirmations[3].cancel()
    underlay.confirmations[2].set_exception(REFUSED)
    underlay.confirmations[1].set_result(Basic.Ack())
    first, second, third = await task
    assert (first, second, type(third)) == (None, REFUSED, ConnectionError)


async def test_the_same_id_again_goes_by_itself() -> None:
    """A returned message is known by its id: of two on their way only one could be told from the other."""
    underlay = Underlay()
    task = await published(underlay, message(1), message(2), message(1), message(3))
    assert underlay.message_id_delivery_tag == {"id-1": 1, "id-2": 2}
    underlay.write_queue.get_nowait()
    underlay.confirmations[1].set_exception(REFUSED)
    underlay.confirmations[2].set_result(Basic.Ack())
    await asyncio.wait_for(underlay.write_queue.get(), 5)
    assert underlay.message_id_delivery_tag == {"id-1": 3, "id-3": 4}
    underlay.confirmations[3].set_result(Basic.Ack())
    underlay.confirmations[4].set_result(Basic.Ack())
    assert await task == [REFUSED, None, None, None]


async def test_what_cannot_be_encoded_holds_up_nothing() -> None:
    """AMQP's short strings have 255 bytes; the next message takes the number that it would have had."""
    underlay = Underlay()
    task = await published(underlay, message(1, correlation_id="c" * 256), message(2))
    assert list(underlay.confirmations) == [1]
    underlay.confirmations[1].set_result(Basic.Ack())
    first, second = await task
    assert isinstance(first, TypeError)
    assert second is None


async def test_a_broker_that_does_not_confirm_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the deadline the outcome is unknown, and that is an error."""
    monkeypatch.setattr(publishing, "PUBLISH_TIMEOUT_SECONDS", 0.05)
    underlay = Underlay()
    task = await published(underlay, message(1), message(2))
    underlay.confirmations[1].set_result(Basic.Ack())
    first, second = await task
    assert (first, type(second)) == (None, TimeoutError)
    assert underlay.confirmations[2].cancelled()


async def test_what_was_not_written_is_not_counted() -> None:
    """A publisher that is cancelled while the queue to the writer is full leaves the numbers as they are."""
    underlay = Underlay(write_queue=asyncio.Queue(maxsize=1))
    underlay.write_queue.put_nowait("in the way")
    task = asyncio.create_task(cast("Any", underlay.publisher()([message(1)])))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (underlay.delivery_tag, underlay.confirmations) == (0, {})
    assert not underlay.locked.locked()
