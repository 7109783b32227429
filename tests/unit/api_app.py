"""The api's application over use cases that a test chooses."""

from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import FastAPI
from redis.asyncio import Redis

from services.api.catalogue import CATALOGUE
from services.api.dependencies import RateLimit
from services.api.follow import Followers
from services.api.http import http_api
from services.api.keys import ApiKeys
from services.api.limits import Decision
from services.api.messages import OrderCreated
from services.api.orders import Idempotency, Placed, place
from services.api.routes import Orders, orders_router
from services.api.schemas import NewOrder, Order, OrderDocument, OrderPage, OrderStatus
from services.common.ids import uuid7

IDS = {"correlation_id": "checkout-42", "trace_id": "0af7651916cd43dd8448eb211c80319c"}
FLAGGED = {**IDS, "span_id": "b7ad6b7169203331", "trace_flags": "02"}
"""The current ids, with those that a problem document does not repeat."""
UNKNOWN = "01a21356-f394-7180-94cd-33f2abfe6c78"
"""The id of an order that there is not; the same in every process that collects tests."""


async def accept(order: OrderDocument, _: OrderCreated, __: Idempotency | None) -> Placed:
    """Accept any order."""
    return Placed(order, replayed=False)


async def placing(new: NewOrder, key: str | None) -> Placed:
    """Place an order in the real catalogue."""
    return await place(new, key, accept=accept, catalogue=CATALOGUE, new_id=uuid7)


async def no_order(_: str) -> Order | None:
    """Know no order."""
    return None


async def no_status(_: str) -> OrderStatus | None:
    """Know no order's status."""
    return None


async def empty_page(_: int, __: str | None) -> OrderPage:
    """Have no orders."""
    return OrderPage(items=[], next_cursor=None)


@dataclass
class Limiter:
    """Stands for the rate limiter: decides as a test says, and notes who was counted."""

    allowed: bool = True
    retry_after: float = 0
    counted: list[str] = field(default_factory=list)

    async def decide(self, client: str) -> Decision:
        """Count a client."""
        self.counted.append(client)
        return Decision(self.allowed, limit=10, remaining=7, retry_after=self.retry_after, reset_after=3)


UNLIMITED = RateLimit(Limiter().decide, ApiKeys({}, required=False))


def app(limit: RateLimit = UNLIMITED, **parts: Any) -> FastAPI:  # noqa: ANN401 - of Orders
    """Return the application with some parts of `Orders` replaced."""
    orders = Orders(
        place=placing,
        load=no_order,
        load_status=no_status,
        page=empty_page,
        followers=Followers(Redis(), limit=2),
        ending=lambda: False,
    )
    return http_api([orders_router(replace(orders, **parts), limit)], [], version="1", ids=lambda: FLAGGED)
