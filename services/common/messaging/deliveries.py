"""Deliveries as aiormq, on which aio-pika builds, hands them over; and their acknowledgement, many at a time.

aio-pika makes an object of each with two dozen attributes, of which a consumer reads five, gives it a task of
its own, and has each acknowledgement written and waited for: a tenth of a message's CPU time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from aio_pika import IncomingMessage
from aio_pika.abc import AbstractChannel
from aiormq.abc import ChannelFrame, DeliveredMessage
from aiormq.channel import Channel
from aiormq.exceptions import ChannelInvalidStateError

from services.common.messaging.connection import BROKER_ERRORS, cancelled_means_lost
from services.common.messaging.frames import acknowledgement
from services.common.messaging.messages import Delivery

if TYPE_CHECKING:
    from pamqp.commands import Basic


def delivery_of(message: DeliveredMessage, queue: str) -> Delivery:
    """Return what arrived, free of any library."""
    basics, properties = cast("Basic.Deliver", message.delivery), message.header.properties
    return Delivery(
        queue=queue,
        exchange=basics.exchange or "",
        routing_key=basics.routing_key or "",
        body=message.body,
        message_id=properties.message_id,
        correlation_id=properties.correlation_id,
        headers=properties.headers or {},
        redelivered=bool(basics.redelivered),
    )


def tag_of(message: DeliveredMessage) -> int:
    """Return by which number the channel knows a delivery."""
    return cast("Basic.Deliver", message.delivery).delivery_tag or 0


def whole(message: DeliveredMessage) -> IncomingMessage:
    """Return a delivery with all of its properties, for a copy of it."""
    # Not for the copy, and aio-pika refuses values of theirs that a stranger may send.
    message.header.properties.delivery_mode = message.header.properties.expiration = None
    return IncomingMessage(message)


class Acknowledger:
    """Acknowledges the deliveries of one channel, those of one turn of the event loop with one write.

    The broker does not answer an acknowledgement: one that is lost with the connection leads to a redelivery,
    which changes nothing twice.
    """

    def __init__(self, channel: Channel) -> None:
        """Keep the channel."""
        self._channel = channel
        self._tags: list[int] = []
        self._writing: asyncio.Task[None] | None = None
        self._finished = False

    def acknowledge(self, tag: int) -> None:
        """Have the broker forget a delivery.

        Raises:
            ChannelInvalidStateError: The channel is closed: the delivery comes again.
        """
        if self._finished or not self._is_open():
            raise ChannelInvalidStateError("the channel is closed")
        self._tags.append(tag)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="acknowledgements")

    async def finish(self, deadline: float) -> None:
        """Wait until all was written, for so many seconds, and write no more."""
        self._finished = True
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=deadline)
        if self._writing is not None:
            self._writing.cancel()

    async def _write(self) -> None:
        try:
            while self._tags and self._is_open():
                tags, self._tags = self._tags, []
                payload = b"".join([acknowledgement(self._channel.number, tag) for tag in tags])
                await self._channel.write_queue.put(ChannelFrame(payload, should_close=False))
        finally:
            self._writing = None

    def _is_open(self) -> bool:
        # Before anything else aiormq forgets a channel that is closed, by whichever side: after the answer to
        # that the broker takes another frame of it for a reason to close the connection.
        return self._channel.connection.channels.get(self._channel.number) is self._channel


@dataclass(frozen=True, slots=True)
class Link:
    """A channel that deliveries come on."""

    channel: AbstractChannel
    underlay: Channel
    acknowledger: Acknowledger
    lost: asyncio.Event
    """Set when the channel closes or the broker cancels its consumer."""

    async def give_back(self, message: DeliveredMessage, deadline: float) -> None:
        """Have the broker deliver again what was not settled, within so many seconds; it may be away."""
        with suppress(*BROKER_ERRORS), cancelled_means_lost():
            await asyncio.wait_for(self.underlay.basic_nack(tag_of(message), requeue=True), deadline)


@asynccontextmanager
async def linked(channel: AbstractChannel, deadline: float) -> AsyncIterator[Link]:
    """Yield a channel's link; on leaving, what was acknowledged is written, within so many seconds."""
    underlay = cast("Channel", await channel.get_underlay_channel())
    lost, acknowledger = asyncio.Event(), Acknowledger(underlay)
    channel.close_callbacks.add(lambda *_: lost.set())
    underlay.on_consumer_cancel_callbacks.add(lambda _: lost.set())
    try:
        yield Link(channel, underlay, acknowledger, lost)
    finally:
        await acknowledger.finish(0 if lost.is_set() else deadline)
