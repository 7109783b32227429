"""A poison message, and the dead letter that it becomes."""

import asyncio
from typing import Any
from uuid import uuid4

import aio_pika
from rich.table import Table

from cli.demo.waiting import wait_for
from stack.operators import Operator

QUEUE = "worker.order-created"
DEAD = f"{QUEUE}.dlq"
TIMEOUT_SECONDS = 15.0
SHOWN = ("reason", "error", "correlation_id", "trace_id", "body")


def poison(amqp: str, operator: Operator) -> dict[str, Any]:
    """Publish something that is no event to the worker's queue; return the dead letter, which stays there.

    Raises:
        TimeoutError: It did not arrive.
    """
    correlation_id = f"demo-{uuid4().hex[:8]}"
    asyncio.run(_publish(amqp, correlation_id))

    def look() -> dict[str, Any] | None:
        items = operator.ask("GET", "dead-letters", DEAD, limit=100)["items"]
        return next((one for one in items if one["correlation_id"] == correlation_id), None)

    found = wait_for("the dead letter", look)
    dead_letter: dict[str, Any] = operator.ask("GET", "dead-letters", DEAD, found["id"])
    return dead_letter


def discard(operator: Operator, dead_letter: dict[str, Any]) -> None:
    """Discard a dead letter that was only shown, so that no alert goes on firing because of it."""
    operator.ask("DELETE", "dead-letters", DEAD, dead_letter["id"])


async def _publish(amqp: str, correlation_id: str) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS), await aio_pika.connect(amqp) as connection:
        channel = await connection.channel()
        headers: dict[str, aio_pika.abc.FieldValue] = {"x-attempt": 1, "x-first-published-at": 1}
        message = aio_pika.Message(
            b"this is no order", correlation_id=correlation_id, message_id=str(uuid4()), headers=headers
        )
        await channel.default_exchange.publish(message, QUEUE)


def table(dead_letter: dict[str, Any]) -> Table:
    """Return the dead letter as a table."""
    view = Table("dead letter", f"in {DEAD}", box=None, pad_edge=False)
    for name in SHOWN:
        view.add_row(name.replace("_", " "), str(dead_letter[name]))
    return view
