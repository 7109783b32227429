"""`POST /v1/orders` without FastAPI's machinery, see `direct.py`; a test holds both to the same answers."""

import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import orjson
from fastapi import Request, Response

from services.api.body import new_order
from services.api.dependencies import API_KEY, RateLimit
from services.api.direct import Direct
from services.api.orders import Placed
from services.api.schemas import NewOrder

Place: TypeAlias = Callable[[NewOrder, str | None], Awaitable[Placed]]
IDEMPOTENCY_KEY = r"^[\x21-\x7e]+$"
MAX_IDEMPOTENCY_KEY = 255
_ORDINARY = re.compile(IDEMPOTENCY_KEY)


def scoped(key: str | None, client: str | None) -> str | None:
    """Return a client's `Idempotency-Key` apart from others': it is its own, as far as it says who it is."""
    return key and f"{client or ''} {key}"


def told(placed: Placed) -> dict[str, str]:
    """Return the headers that tell of a placed order."""
    headers = {"Location": f"/v1/orders/{placed.order.id}"}
    return {**headers, "Idempotency-Replayed": "true"} if placed.replayed else headers


def pending(placed: Placed) -> dict[str, object]:
    """Return a placed order as it is answered, an `Order`."""
    return {**placed.order.model_dump(), "status": "pending"}


def placing(place: Place, limit: RateLimit) -> Direct:
    """Return what answers requests whose headers are in order."""

    async def answer(request: Request) -> Response | None:
        headers = request.headers
        key = headers.get("idempotency-key")
        if key is not None and not (len(key) <= MAX_IDEMPOTENCY_KEY and _ORDINARY.fullmatch(key)):
            return None
        client, left = await limit.count(request, headers.get(API_KEY.model.name))
        placed = await place(await new_order(request), scoped(key, client))
        return Response(orjson.dumps(pending(placed)), 202, {**left, **told(placed)}, "application/json")

    return answer
