"""The use case of the sweeper: a stuck order's event is published again, and in the end the order fails.

An order may be left behind by a message that a broker lost or dead-lettered by itself, or by an operator who
emptied a queue. Publishing its event again changes nothing for an order that was only slow: fulfilling is
idempotent.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog

from services.worker.handlers import STUCK, DamagedOrderError, Ports, UnknownOrderError, fail_order
from services.worker.messages import OrderReference

log = structlog.get_logger(__name__)

Swept = Literal["not_due", "settled", "unknown", "republished", "exhausted", "failed"]
"""What became of an open order; `unknown` when Redis has lost its status, `exhausted` when publishing its
event again did not help, `failed` when a sweeper failed it before and may not have voided its payment."""
DAMAGED = (DamagedOrderError, UnknownOrderError, ValueError)
BATCH = 100
MAX_BACKLOG = 100
"""With more messages than this in the queue, orders wait for their turn: they are slow, not lost."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that should have been settled by now."""

    order_id: str
    event: Mapping[str, str]
    """Its outbox entry: type, message id, body, and the headers with correlation id and trace context."""


class OpenOrders(Protocol):
    """The orders that are not settled."""

    async def due(self, limit: int) -> Sequence[OpenOrder]:
        """Return up to `limit` orders, those that have waited longest first."""

    async def sweep(self, order: OpenOrder) -> Swept:
        """Put the order's event into the outbox again, or say why not, in one step."""

    async def reference(self, order: OpenOrder) -> OrderReference:
        """Return whose order it is: from its event, or else from the order itself."""

    async def close(self, order_id: str) -> None:
        """Schedule no more sweeps of an order: it failed here, and its payment was voided."""


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps what is due."""

    orders: OpenOrders
    ports: Ports
    backlog: Callable[[], Awaitable[int]]
    """Returns how many messages wait in the worker's queue."""
    continued: Callable[[str, Mapping[str, str]], AbstractContextManager[None]]
    """Runs a block in the trace and under the correlation id that an event's headers name."""
    count: Callable[[str], None]

    async def sweep(self) -> None:
        """Sweep every order that is due, at most 100 of them; the rest is due the next time."""
        if (waiting := await self.backlog()) > MAX_BACKLOG:
            log.warning("sweep put off: orders wait for their turn", messages=waiting)
            return
        for order in await self.orders.due(BATCH):
            # The next one must not wait for an order whose id, document or status is not what it should be.
            with suppress(*DAMAGED), self.continued("sweep order", order.event):
                try:
                    await self._sweep(order)
                except DAMAGED as error:
                    log.error("order cannot be swept", order_id=order.order_id, error=type(error).__name__)  # noqa: TRY400
                    raise

    async def _sweep(self, order: OpenOrder) -> None:
        swept = await self.orders.sweep(order)
        if swept == "republished":
            log.warning("order stuck, event republished", order_id=order.order_id)
        elif swept == "unknown":
            log.error("order lost: its status is gone", order_id=order.order_id)
        elif swept == "exhausted":
            log.error("order stuck, failing it", order_id=order.order_id)
            await fail_order(await self.orders.reference(order), STUCK, ports=self.ports)
            await self.orders.close(order.order_id)
        elif swept == "failed":
            await self.ports.void_payment(order.order_id)
            await self.orders.close(order.order_id)
        if swept in {"republished", "unknown", "exhausted"}:
            self.count(swept)
