"""Publishing many messages at once: one write to the socket, and their confirms awaited together.

`exchange.publish` costs about 190 µs of CPU a message, most of it in locks, timers and tasks, and it holds
the channel's lock while the socket drains. Here a batch takes the lock once; a confirm means the same.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, cast

from aio_pika.abc import AbstractChannel
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel

from services.common.messaging.frames import Encode, frames
from services.common.messaging.messages import Outgoing, PublishBatch

PUBLISH_TIMEOUT_SECONDS = 5.0


@dataclass(slots=True)
class Sending:
    """A message on its way, and what became of it."""

    message_id: str
    payload: bytes = b""
    error: BaseException | None = None
    confirm: "asyncio.Future[Any] | None" = None

    def outcome(self) -> BaseException | None:
        """Return None when the broker has confirmed the message, else the error."""
        if self.confirm is None:
            return self.error
        if not self.confirm.done():
            self.confirm.cancel()
            return TimeoutError("the broker did not confirm in time")
        if self.confirm.cancelled():
            return ConnectionError("the connection to RabbitMQ was given up")
        return self.confirm.exception()


def publisher(channel: AbstractChannel, exchange: str, encode: Encode) -> PublishBatch:
    """Return a function that publishes messages to an exchange, mandatory and with confirms."""

    async def publish(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        return [outcome for some in _apart(messages) for outcome in await together(some)]

    async def together(messages: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        underlay = cast("Channel", await channel.get_underlay_channel())
        sendings = [_encoded(underlay, exchange, encode, message) for message in messages]
        await _write(underlay, [one for one in sendings if one.error is None])
        try:
            if confirms := [one.confirm for one in sendings if one.confirm is not None]:
                await asyncio.wait(confirms, timeout=PUBLISH_TIMEOUT_SECONDS)
        finally:
            for one in sendings:
                underlay.message_id_delivery_tag.pop(one.message_id, None)
        return [one.outcome() for one in sendings]

    return publish


def _apart(messages: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    """Yield the messages, in parts of which none has an id twice: by it the channel knows a returned one."""
    start, ids = 0, set[str]()
    for at, message in enumerate(messages):
        if message.message_id in ids:
            yield messages[start:at]
            start, ids = at, set()
        ids.add(message.message_id)
    yield messages[start:]


def _encoded(channel: Channel, exchange: str, encode: Encode, message: Outgoing) -> Sending:
    if not message.message_id:
        message = replace(message, message_id=token_hex(16))  # by it a returned message is known again
    sending = Sending(message.message_id)
    try:
        address = exchange, message.routing_key
        sending.payload = frames(channel.number, address, encode(message), channel.max_content_size)
    except Exception as error:  # noqa: BLE001 - what cannot be encoded must not hold up the others
        sending.error = error
    return sending


async def _write(channel: Channel, sendings: Sequence[Sending]) -> None:
    """Hand messages to the connection's writer, and note what their confirms will settle.

    This is what aiormq's `basic_publish` does for each message, with the same bookkeeping: the broker counts
    the messages of a channel and confirms them by their numbers. They are counted here once they are on their
    way: between that and the counting nothing else can run.
    """
    batch = ChannelFrame(b"".join([one.payload for one in sendings]), should_close=False)
    async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS), channel.lock:
        await channel.write_queue.put(batch)
        for one in sendings:
            channel.delivery_tag += 1
            one.confirm = channel.create_future()  # which fails when the channel is lost
            channel.confirmations[channel.delivery_tag] = one.confirm
            channel.message_id_delivery_tag[one.message_id] = channel.delivery_tag
