"""Statuses, stock, payments and outcomes under any order of events, on a real Redis."""

import asyncio
import json
from contextlib import suppress
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from services.common.outbox.stream import Outbox
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts
from services.worker.app import LUA
from services.worker.handlers import PaymentDeclinedError, PaymentUnavailableError, Ports, fail_order, fulfil
from services.worker.messages import OrderCreated
from services.worker.payments import SimulatedPayments
from services.worker.settings import Settings
from services.worker.store import OrderStore, now
from tests.contract.documents import examples
from tests.servers import entries

RANK = {"pending": 0, "processing": 1, "done": 2, "failed": 2}
STOCK = 5
SETTINGS = Settings(payment_latency_ms=0, payment_decline_rate=0, payment_outage_rate=0)


class World:
    """One accepted order, its worker, and what there is to know about them."""

    def __init__(self, redis: Redis, token: str, quantity: int) -> None:
        """Compose a worker around an order."""
        self.redis = redis
        self.event = created(token, quantity)
        self.order_id = self.event.data.order_id
        scripts = load_scripts(AutoPipeline(redis), LUA)
        outbox = Outbox(redis, "worker", dict)
        self.store = OrderStore(redis, scripts, outbox, 60, 60)
        provider = SimulatedPayments(scripts, SETTINGS)
        self.ports = Ports(self.store.reserve, provider.charge, provider.void, self.store.settle)
        self.statuses = ["pending"]

    async def accept(self) -> None:
        """Begin as the api would."""
        await self.redis.flushall()
        await self.store.stock_up({"a": STOCK})
        await self.redis.hset(
            f"order:{self.order_id}:status", mapping={"status": "pending", "pending": now()}
        )

    async def apply(self, operation: str) -> None:
        """Let one thing happen, once or twice at the same time."""
        await asyncio.gather(*(self._once(operation.rstrip("2")) for _ in range(1 + operation.endswith("2"))))
        self.statuses.append(str(await self.redis.hget(f"order:{self.order_id}:status", "status")))

    async def _once(self, operation: str) -> None:
        order, ports = self.event.data, self.ports
        operations: dict[str, Any] = {
            "fulfil": lambda: fulfil(self.event, ports=ports),
            "reserve": lambda: ports.reserve(order),
            "charge": lambda: ports.charge(order),
            "fail": lambda: fail_order(order, "retries_exhausted", ports=ports),
        }
        with suppress(PaymentDeclinedError, PaymentUnavailableError):
            await operations[operation]()

    async def check(self) -> None:
        """Assert what must hold of every order."""
        ranks = [RANK[status] for status in self.statuses]
        assert ranks == sorted(ranks), self.statuses
        finals = {status for status in self.statuses if RANK[status] == 2}
        assert len(finals) <= 1
        outcomes = [entry["type"] for entry in await entries(self.redis, "outbox:worker")]
        assert outcomes == [f"order.{status}.v1" for status in finals]
        left = int(await self.redis.hget("stock", "a") or 0)
        held = int(await self.redis.hget(f"order:{self.order_id}:reservation", "a") or 0)
        sold = self.event.data.items[0].quantity if self.statuses[-1] == "done" else 0
        assert left + held + sold == STOCK
        payment = await self.redis.hgetall(f"payment:{self.order_id}")
        assert int(payment.get("charges", 0)) <= 1
        if self.statuses[-1] == "done":
            assert payment["state"] == "approved"


def created(token: str, quantity: int) -> OrderCreated:
    """Return the event of a new order."""
    event = examples("order.created.v1")["order.created.v1.minimal"]
    event["data"] |= {"order_id": str(uuid4()), "payment": {"token": token}}
    event["data"]["items"] = [{"sku": "a", "quantity": quantity}]
    return OrderCreated.model_validate_json(json.dumps(event))


OPERATIONS = ("fulfil", "fulfil2", "reserve", "reserve2", "charge", "fail", "fail2")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    token=st.sampled_from(["tok_visa", "tok_declined", "tok_flaky", "tok_outage"]),
    quantity=st.integers(min_value=1, max_value=STOCK + 1),
    operations=st.lists(st.sampled_from(OPERATIONS), max_size=6),
)
async def test_any_order_of_events_keeps_the_books(
    redis: Redis, token: str, quantity: int, operations: list[str]
) -> None:
    """Statuses move forward only, stock adds up, one outcome is published, no payment is taken twice."""
    world = World(redis, token, quantity)
    await world.accept()
    for operation in operations:
        await world.apply(operation)
    await world.check()


async def test_failing_an_order_while_it_is_paid_voids_the_payment(redis: Redis) -> None:
    """The payment was approved already when the order was failed."""
    world = World(redis, "tok_visa", 1)
    await world.accept()
    for operation in ("reserve", "charge", "fail", "fulfil"):
        await world.apply(operation)
    payment = await redis.hgetall(f"payment:{world.order_id}")
    assert (world.statuses[-1], payment["state"]) == ("failed", "voided")
