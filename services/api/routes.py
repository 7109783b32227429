"""The routes under `/v1/orders`: HTTP in, use case, HTTP out."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.api.body import new_order, request_body
from services.api.cache import SETTLED
from services.api.dependencies import RateLimit
from services.api.direct import DirectRoute, answered_by
from services.api.errors import NothingMoreError
from services.api.follow import Followers, TooManyFollowersError, changes
from services.api.placing import (
    IDEMPOTENCY_KEY,
    MAX_IDEMPOTENCY_KEY,
    Place,
    pending,
    placing,
    scoped,
    told,
)
from services.api.problems import ProblemError, documented
from services.api.schemas import NewOrder, Order, OrderId, OrderPage, OrderStatus

T = TypeVar("T")
Load = Callable[[str], Awaitable[Order | None]]
LoadStatus = Callable[[str], Awaitable[OrderStatus | None]]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=MAX_IDEMPOTENCY_KEY,
        pattern=IDEMPOTENCY_KEY,
        description="Makes repeating the request safe: the same key and order give the same answer.",
    ),
]
Limit = Callable[..., Awaitable[str | None]]
"""The dependency that returns the client's name, when it has one."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the routes need, put together by `app.py`."""

    place: Place
    load: Load
    load_status: LoadStatus
    page: Callable[[int, str | None], Awaitable[OrderPage]]
    followers: Followers
    ending: Callable[[], bool]


def orders_router(orders: Orders, rate_limit: Limit) -> APIRouter:
    """Return the routes, each behind the API key and the rate limit."""
    # The prefix belongs to the router itself: given to include_router it is missing from the span's route.
    router = APIRouter(
        prefix="/v1/orders",
        route_class=DirectRoute,
        tags=["orders"],
        dependencies=[Depends(rate_limit)],
        responses=documented(401, 429, 500, 503),
    )
    _writing(router, orders, rate_limit)
    _reading(router, orders)
    _following(router, orders)
    return router


def _writing(router: APIRouter, orders: Orders, rate_limit: Limit) -> None:
    # Another kind of limit may ask for what only FastAPI can find.
    direct = placing(orders.place, rate_limit) if isinstance(rate_limit, RateLimit) else None

    @router.post(
        "",
        status_code=202,
        responses={202: ACCEPTED, **documented(400, 408, 413, 415, 422)},
        openapi_extra=request_body(NewOrder),
        response_model=Order,
        response_model_exclude_none=True,
    )
    @answered_by(direct)
    async def place_order(
        new: Annotated[NewOrder, Depends(new_order)],
        response: Response,
        client: Annotated[str | None, Depends(rate_limit)],
        idempotency_key: IdempotencyKey = None,
    ) -> dict[str, object]:
        """Accept an order: from here on it will be settled, whatever fails meanwhile."""
        placed = await orders.place(new, scoped(idempotency_key, client))
        response.headers.update(told(placed))
        return pending(placed)


def _reading(router: APIRouter, orders: Orders) -> None:
    @router.get("", responses=documented(422))
    async def list_orders(
        limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor: Annotated[OrderId | None, Query()] = None
    ) -> OrderPage:
        """Return orders, the newest first."""
        return await orders.page(limit, cursor)

    @router.get("/{order_id}", responses=documented(404, 422))
    async def get_order(order_id: OrderId) -> Order:
        """Return an order; settled ones come from memory."""
        return found(await orders.load(order_id), order_id)

    @router.get("/{order_id}/status", responses=documented(404, 422))
    async def get_order_status(order_id: OrderId) -> OrderStatus:
        """Return an order's status and when it got there."""
        return found(await orders.load_status(order_id), order_id)


def _following(router: APIRouter, orders: Orders) -> None:
    async def position(
        order_id: OrderId, last_event_id: Annotated[int, Header(ge=0, le=10)] = 0
    ) -> tuple[str, int]:
        status = found(await orders.load_status(order_id), order_id)
        if status.status in SETTLED and last_event_id >= len(status.history):
            raise NothingMoreError
        if orders.followers.full:
            raise ProblemError(
                503, "too-many-streams", "too many clients follow orders", headers={"Retry-After": "5"}
            )
        return order_id, last_event_id

    @router.get(
        "/{order_id}/events",
        response_class=EventSourceResponse,
        responses={200: EVENTS, 204: NOTHING_MORE, **documented(404, 422)},
    )
    async def follow_order(
        start: Annotated[tuple[str, int], Depends(position)],
    ) -> AsyncIterator[ServerSentEvent]:
        """Stream each status change as it happens, from the first (or after `Last-Event-ID`) to the last."""
        order_id, seen = start

        async def load() -> OrderStatus | None:
            return await orders.load_status(order_id)

        followed = changes(orders.followers, load, order_id, seen=seen, ending=orders.ending)
        with suppress(TooManyFollowersError):  # the last place went in between: the client asks again
            async for number, change in followed:
                data = change.model_dump(exclude_none=True)
                yield ServerSentEvent(event="status", id=str(number), data=data)


ACCEPTED = {
    "description": "Accepted",
    "headers": {
        "Location": {"description": "Where the order can be read.", "schema": {"type": "string"}},
        "Idempotency-Replayed": {
            "description": "`true` when this key's order had been accepted before.",
            "schema": {"type": "string"},
        },
    },
}
NOTHING_MORE = {"description": "Every change was seen: there is no need to connect again."}
EVENTS = {"description": "`status` events until the order is settled.", "content": {"text/event-stream": {}}}


def found(thing: T | None, order_id: str) -> T:
    """Return a thing that is there.

    Raises:
        ProblemError: 404, it is not.
    """
    if thing is None:
        raise ProblemError(404, "not-found", f"there is no order {order_id}")
    return thing
