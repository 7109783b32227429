"""The sweeper's decisions: what is told again, what is given up, what is left alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from services.worker.handlers import DamagedOrderError, UnknownOrderError
from services.worker.messages import OrderReference
from services.worker.sweeper import BACKLOG, OpenOrder, SweeperPorts, Swept, sweep_orders

ORDER = OpenOrder("o-1", {"correlation_id": "c-1"})


@dataclass
class World:
    """Stands for Redis and the broker; `steps` is what was done, in order."""

    swept: Swept
    waiting: int = 0
    broken: Exception | None = None
    steps: list[str] = field(default_factory=list)

    async def backlog(self) -> int:
        """Say how much waits."""
        return self.waiting

    async def due(self, _limit: int) -> Sequence[OpenOrder]:
        """Return the one order, and one more where it is broken."""
        return [ORDER, OpenOrder("o-2", {"correlation_id": "c-2"})] if self.broken else [ORDER]

    async def sweep(self, order: OpenOrder) -> Swept:
        """Answer as told."""
        if self.broken and order is ORDER:
            raise self.broken
        self.steps.append(f"sweep {order.order_id}")
        return self.swept

    async def reference(self, order: OpenOrder) -> OrderReference:
        """Return whom to tell."""
        return OrderReference(order_id=order.order_id, customer={})

    async def abandon(self, order: OrderReference, reason: str) -> None:
        """Fail the order."""
        self.steps.append(f"abandon {order.order_id} {reason}")

    async def void(self, order_id: str) -> None:
        """Give the payment back."""
        self.steps.append(f"void {order_id}")

    async def close(self, order_id: str) -> None:
        """End the watch."""
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

    def ports(self) -> SweeperPorts:
        """Return the ports to this world."""
        return SweeperPorts(
            self.backlog,
            self.due,
            self.sweep,
            self.reference,
            self.abandon,
            self.void,
            self.close,
            self.continued,
            lambda outcome: self.steps.append(f"count {outcome}"),
        )


@pytest.mark.parametrize(
    ("swept", "after"),
    [
        ("told_again", ["count told_again"]),
        ("exhausted", ["abandon o-1 stuck", "close o-1", "count exhausted"]),
        ("failed", ["void o-1", "close o-1"]),
        ("unknown", ["count unknown"]),
        ("settled", []),
        ("not_due", []),
    ],
)
async def test_each_finding_has_its_consequence(swept: Swept, after: list[str]) -> None:
    """An order is failed only when telling it again did not help; all is done in its own trace."""
    world = World(swept)
    await sweep_orders(world.ports())
    assert world.steps == ["sweep order of c-1", "sweep o-1", *after]


@pytest.mark.parametrize(
    "error", [DamagedOrderError("no hash"), UnknownOrderError("o-1"), ValueError("no id")]
)
async def test_an_order_that_cannot_be_swept_holds_up_no_other(error: Exception) -> None:
    """It is told of in its own trace, and the next one has its turn."""
    world = World("told_again", broken=error)
    with capture_logs() as logs:
        await sweep_orders(world.ports())
    assert world.steps == [
        "sweep order of c-1",
        "left",
        "sweep order of c-2",
        "sweep o-2",
        "count told_again",
    ]
    [line] = [one for one in logs if one["event"] == "order cannot be swept"]
    assert (line["order_id"], line["error"]) == ("o-1", type(error).__name__)


async def test_orders_that_wait_for_their_turn_are_left_alone() -> None:
    """With a backlog in the queue nothing is stuck: telling again would only make it longer."""
    world = World("told_again", waiting=BACKLOG + 1)
    await sweep_orders(world.ports())
    assert world.steps == []
