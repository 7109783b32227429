"""The use case of the sweeper: an order that nobody settles is told again, and in the end failed.

An order may be left behind by a message that a broker lost or dead-lettered by itself, or by an operator who
emptied a queue. Telling its event once more changes nothing for an order that was only slow: fulfilling is
idempotent.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Literal

import structlog

from services.worker.handlers import STUCK, DamagedOrderError, UnknownOrderError
from services.worker.messages import OrderReference

log = structlog.get_logger(__name__)

Swept = Literal["not_due", "settled", "unknown", "told_again", "exhausted", "failed"]
"""What became of an open order; `unknown` when Redis has forgotten its status, `exhausted` when telling its
event again did not help, `failed` when a sweeper failed it and its payment may not be given back."""
DAMAGED = (DamagedOrderError, UnknownOrderError, ValueError)
BATCH = 100
BACKLOG = 100
"""With more messages than this in the queue, orders wait for their turn: they are slow, not lost."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that should have been settled by now."""

    order_id: str
    event: Mapping[str, str]
    """Its outbox entry: type, message id, body, and the headers with correlation id and trace context."""


@dataclass(frozen=True, slots=True)
class SweeperPorts:
    """What sweeping needs."""

    backlog: Callable[[], Awaitable[int]]
    """Returns how many messages wait in the worker's queue."""
    due: Callable[[int], Awaitable[Sequence[OpenOrder]]]
    sweep: Callable[[OpenOrder], Awaitable[Swept]]
    """Puts the order's event into the outbox again, or says why not, in one step."""
    reference: Callable[[OpenOrder], Awaitable[OrderReference]]
    abandon: Callable[[OrderReference, str], Awaitable[None]]
    void: Callable[[str], Awaitable[None]]
    close: Callable[[str], Awaitable[None]]
    """Ends the watch over an order; one that is failed here stays open until its payment was given back."""
    continued: Callable[[str, Mapping[str, str]], AbstractContextManager[None]]
    """Runs a block in the trace and under the correlation id that an event's headers name."""
    count: Callable[[str], None]


async def sweep_orders(ports: SweeperPorts) -> None:
    """Look after every order that is due, at most 100 of them; the rest is due the next time."""
    if (waiting := await ports.backlog()) > BACKLOG:
        log.warning("sweep put off: orders wait for their turn", messages=waiting)
        return
    for order in await ports.due(BATCH):
        # The next one must not wait for an order whose id, document or status is not what it should be.
        with suppress(*DAMAGED), ports.continued("sweep order", order.event):
            await _looked_after(order, ports)


async def _looked_after(order: OpenOrder, ports: SweeperPorts) -> None:
    try:
        await _sweep(order, ports)
    except DAMAGED as error:
        log.error("order cannot be swept", order_id=order.order_id, error=type(error).__name__)  # noqa: TRY400
        raise


async def _sweep(order: OpenOrder, ports: SweeperPorts) -> None:
    swept = await ports.sweep(order)
    if swept == "told_again":
        log.warning("order stuck, its event is told again", order_id=order.order_id)
    elif swept == "unknown":
        log.error("order lost: its status is gone", order_id=order.order_id)
    elif swept == "exhausted":
        log.error("order stuck for good, giving it up", order_id=order.order_id)
        await ports.abandon(await ports.reference(order), STUCK)
        await ports.close(order.order_id)
    elif swept == "failed":
        await ports.void(order.order_id)
        await ports.close(order.order_id)
    if swept in {"told_again", "unknown", "exhausted"}:
        ports.count(swept)
