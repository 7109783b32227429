"""The sweeper's decisions: what is published again, what fails, what is left alone."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from services.common.messaging.consumer import Consumer
from services.worker.app import ORDERS, sweeping
from services.worker.handlers import DamagedOrderError, Final, Ports, Settled, UnknownOrderError
from services.worker.messages import OrderCreatedData, OrderReference
from services.worker.sweeper import MAX_BACKLOG, OpenOrder, Sweeper, Swept
from tests.servers import eventually
from tests.unit.fake_broker import FakeBroker

ORDER = OpenOrder("o-1", {"correlation_id": "c-1"})


@dataclass
class World:
    """Stands for Redis, the payment provider and the broker; `steps` is what was done, in order."""

    swept: Swept
    waiting: int = 0
    broken: Exception | None = None
    steps: list[str] = field(default_factory=list)

    async def backlog(self) -> int:
        return self.waiting

    async def due(self, _limit: int) -> Sequence[OpenOrder]:
        """Return the one order, and one more where it is broken."""
        return [ORDER, OpenOrder("o-2", {"correlation_id": "c-2"})] if self.broken else [ORDER]

    async def sweep(self, order: OpenOrder) -> Swept:
        if self.broken and order is ORDER:
            raise self.broken
        self.steps.append(f"sweep {order.order_id}")
        return self.swept

    async def reference(self, order: OpenOrder) -> OrderReference:
        return OrderReference(order_id=order.order_id, customer={})

    async def settle(self, order: OrderReference, status: Final, reason: str | None) -> Settled:
        self.steps.append(f"settle {order.order_id} {status} {reason}")
        return Settled(status, now=True, accepted_at="2026-11-29T12:00:00Z")

    async def void(self, order_id: str) -> None:
        self.steps.append(f"void {order_id}")

    async def close(self, order_id: str) -> None:
        self.steps.append(f"close {order_id}")

    @contextmanager
    def continued(self, name: str, headers: Mapping[str, str]) -> Iterator[None]:
        """Note the context that work is done in."""
        self.steps.append(f"{name} of {headers['correlation_id']}")
        try:
            yield
        except Exception:
            self.steps.append("left")
            raise

    async def never(self, _: OrderCreatedData) -> None:
        """Stand for what sweeping does not do."""
        raise AssertionError

    def sweeper(self) -> Sweeper:
        """Return a sweeper of this world."""
        ports = Ports(self.never, self.never, self.void, self.settle)  # type: ignore[arg-type]
        count = lambda outcome: self.steps.append(f"count {outcome}")  # noqa: E731
        return Sweeper(self, ports, self.backlog, self.continued, count)


@pytest.mark.parametrize(
    ("swept", "after"),
    [
        ("republished", ["count republished"]),
        ("exhausted", ["settle o-1 failed stuck", "void o-1", "close o-1", "count exhausted"]),
        ("failed", ["void o-1", "close o-1"]),
        ("unknown", ["count unknown"]),
        ("settled", []),
        ("not_due", []),
    ],
)
async def test_each_finding_has_its_consequence(swept: Swept, after: list[str]) -> None:
    """An order is failed only when publishing its event again did not help; all is done in its own trace."""
    world = World(swept)
    await world.sweeper().sweep()
    assert world.steps == ["sweep order of c-1", "sweep o-1", *after]


@pytest.mark.parametrize(
    "error", [DamagedOrderError("no hash"), UnknownOrderError("o-1"), ValueError("no id")]
)
async def test_an_order_that_cannot_be_swept_holds_up_no_other(error: Exception) -> None:
    """It is logged in its own trace, and the next one has its turn."""
    world = World("republished", broken=error)
    with capture_logs() as logs:
        await world.sweeper().sweep()
    other = ["sweep order of c-2", "sweep o-2", "count republished"]
    assert world.steps == ["sweep order of c-1", "left", *other]
    [line] = [one for one in logs if one["event"] == "order cannot be swept"]
    assert (line["order_id"], line["error"]) == ("o-1", type(error).__name__)


async def test_orders_that_wait_for_their_turn_are_left_alone() -> None:
    """With a backlog in the queue nothing is stuck: publishing events again would only make it longer."""
    world = World("republished", waiting=MAX_BACKLOG + 1)
    await world.sweeper().sweep()
    assert world.steps == []


async def test_sweeping_begins_when_the_queue_is_declared() -> None:
    """On empty volumes there is none at first, and to ask for its length would fail."""
    broker, world = FakeBroker(declare_error=ConnectionError("not yet")), World("settled")
    connections = broker.as_connection(), FakeBroker().as_connection()
    consumer = Consumer(*connections, ORDERS, world.never, 1)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(work) for work in (consumer.run(), sweeping(world.sweeper(), consumer, 60))]
    await eventually(lambda: broker.channels)
    assert world.steps == []
    broker.declare_error = None
    await eventually(lambda: world.steps)
    assert ORDERS.queue in broker.channels[-1].queues
    for task in tasks:
        task.cancel()
