"""The routes under `/v1/orders`: HTTP in, use case, HTTP out."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import TypeAdapter

from services.api.body import idempotency_key, new_order
from services.api.cache import SETTLED, Load
from services.api.dependencies import API_KEY_HEADER, RateLimit
from services.api.errors import NothingMoreError
from services.api.follow import Followers, changes
from services.api.orders import Place
from services.api.problems import ProblemError, documented
from services.api.schemas import IdempotencyKey, Order, OrderId, OrderPage, OrderStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Orders:
    """What the routes need, put together by `app.py`."""

    place: Place
    load: Load
    load_status: Callable[[str], Awaitable[OrderStatus | None]]
    page: Callable[[int, str | None], Awaitable[OrderPage]]
    followers: Followers
    ending: Callable[[], bool]


class RequestRoute(APIRoute):
    """A route whose endpoint takes the request, returns the response, and does everything between by itself.

    FastAPI describes it in the OpenAPI document, but neither solves its dependencies nor validates its
    answer, which would double what an order costs (docs/decisions/0011-one-route-takes-the-request.md).
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint (https://fastapi.tiangolo.com/how-to/custom-request-and-route/)."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


def orders_router(orders: Orders, rate_limit: RateLimit) -> APIRouter:
    """Return the routes, each behind the API key and the rate limit."""
    router = APIRouter(
        prefix="/v1/orders",
        tags=["orders"],
        dependencies=[Depends(rate_limit)],
        responses=documented(401, 429, 500, 503),
    )
    _writing(router, orders, rate_limit)
    _reading(router, orders)
    _following(router, orders)
    return router


def _writing(router: APIRouter, orders: Orders, rate_limit: RateLimit) -> None:
    async def place_order(request: Request) -> Response:
        """Accept an order: from here on it will be settled, whatever fails meanwhile."""
        owner, headers = await rate_limit.count(request, request.headers.get(API_KEY_HEADER))
        key = idempotency_key(request)
        placed = await orders.place(await new_order(request), key and f"{owner} {key}")
        headers["Location"] = f"/v1/orders/{placed.order.id}"
        if placed.replayed:
            headers["Idempotency-Replayed"] = "true"
        body = orjson.dumps({**placed.order.model_dump(), "status": "pending"})
        return Response(body, 202, headers, "application/json")

    router.add_api_route(
        "",
        place_order,
        methods=["POST"],
        route_class_override=RequestRoute,
        status_code=202,
        response_model=Order,
        responses={202: ACCEPTED, **documented(400, 408, 413, 415, 422)},
        openapi_extra=ORDER_INPUT,
    )


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
    ) -> AsyncIterator[tuple[str, int]]:
        status = found(await orders.load_status(order_id), order_id)
        if status.status in SETTLED and last_event_id >= len(status.history):
            raise NothingMoreError
        if orders.followers.full:
            raise ProblemError(
                503, "too-many-streams", "too many clients follow orders", headers={"Retry-After": "5"}
            )
        with orders.followers.place():
            yield order_id, last_event_id

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
        followed = changes(orders.followers, orders.load_status, order_id, seen=seen, ending=orders.ending)
        async with aclosing(followed):  # it waits no longer than its client
            async for number, change in followed:
                data = change.model_dump(exclude_none=True)
                yield ServerSentEvent(event="status", id=str(number), data=data)


KEY_DESCRIPTION = "Makes repeating the request safe: the same key and order give the same answer."
ORDER_INPUT: dict[str, Any] = {
    "parameters": [
        {
            "name": "idempotency-key",
            "in": "header",
            "required": False,
            "schema": {
                **TypeAdapter(IdempotencyKey | None).json_schema(),
                "description": KEY_DESCRIPTION,
                "title": "Idempotency-Key",
            },
            "description": KEY_DESCRIPTION,
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewOrder"}}},
    },
}
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
