"""A poison message, and the dead letter that it becomes."""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from rich.table import Table

QUEUE = "worker.order-created"
TIMEOUT_SECONDS = 15.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Letter:
    """What an operator sees of a dead letter."""

    reason: str
    error: str
    correlation_id: str
    trace_id: str
    body: str
    depth: int
    """How many letters lay there, this one included."""


def poison(amqp: str) -> Letter:
    """Put something that is no event into the worker's queue and return the dead letter; it stays there.

    Raises:
        TimeoutError: It did not arrive.
    """
    return asyncio.run(_poison(amqp, f"demo-{uuid4().hex[:8]}"))


def discard(amqp: str, letter: Letter) -> None:
    """Throw a letter away: what was only shown must keep no alert up, and stand in nobody's way."""
    asyncio.run(_discard(amqp, letter.correlation_id))


async def _discard(amqp: str, correlation_id: str) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS), await aio_pika.connect(amqp) as connection:
        queue = await (await connection.channel()).get_queue(f"{QUEUE}.dlq", ensure=False)
        await _find(queue, correlation_id, keep=False)


async def _poison(amqp: str, correlation_id: str) -> Letter:
    async with asyncio.timeout(TIMEOUT_SECONDS), await aio_pika.connect(amqp) as connection:
        channel = await connection.channel()
        message = aio_pika.Message(
            b"this is no order", correlation_id=correlation_id, message_id=str(uuid4()), headers=HEADERS
        )
        await channel.default_exchange.publish(message, QUEUE)
        queue = await channel.get_queue(f"{QUEUE}.dlq", ensure=False)
        while True:
            letter = await _find(queue, correlation_id)
            if letter is not None:
                return letter
            await asyncio.sleep(POLL_SECONDS)


HEADERS: dict[str, aio_pika.abc.FieldValue] = {"x-attempt": 1, "x-first-published-at": 1}


async def _find(
    queue: aio_pika.abc.AbstractQueue, correlation_id: str, *, keep: bool = True
) -> Letter | None:
    """Look through what lies there and put everything back, but for what was looked for unless it is kept."""
    seen: list[AbstractIncomingMessage] = []
    try:
        while (message := await queue.get(fail=False)) is not None:
            seen.append(message)
            if message.correlation_id == correlation_id:
                found = _letter(message, len(seen))
                if not keep:
                    await seen.pop().ack()
                return found
        return None
    finally:
        for message in seen:
            await message.nack(requeue=True)


def _letter(message: AbstractIncomingMessage, depth: int) -> Letter:
    headers = message.headers
    return Letter(
        str(headers["x-dead-letter-reason"]),
        str(headers["x-dead-letter-error"]),
        message.correlation_id or "",
        str(headers.get("traceparent", "--")).split("-")[1],
        message.body.decode(errors="replace")[:200],
        depth,
    )


def table(letter: Letter) -> Table:
    """Return the letter as a table."""
    view = Table("dead letter", f"in {QUEUE}.dlq", box=None, pad_edge=False)
    view.add_row("reason", letter.reason)
    view.add_row("error", letter.error)
    view.add_row("correlation id", letter.correlation_id)
    view.add_row("trace id", letter.trace_id)
    view.add_row("body", letter.body)
    return view
