"""`POST /v1/orders`: accepted, refused or failed, and what the use case and the rate limit were asked."""

import json
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from services.api.dependencies import RateLimit
from services.api.keys import ApiKeys, key_hash
from services.api.metrics import counted
from services.api.orders import OutboxFullError, Placed
from services.api.schemas import EXAMPLE, NewOrder
from tests.unit.api_app import Limiter, app, placing
from tests.unit.asgi import Answer, Headers, call, http_scope

JSON = ("content-type", "application/json")
BODY = json.dumps(EXAMPLE).encode()
KEYS = ApiKeys({"shop": key_hash(b"key")}, required=False)


@dataclass
class Shop:
    """Stands for the use case and the limiter: records what each was asked."""

    asked: list[str | None] = field(default_factory=list)
    limiter: Limiter = field(default_factory=Limiter)

    async def place(self, new: NewOrder, key: str | None) -> Placed:
        """Place an order, or fail as its key says."""
        self.asked.append(key)
        if key and key.endswith(" full"):
            raise OutboxFullError
        if key and key.endswith(" bug"):
            raise ZeroDivisionError
        placed = await placing(new, key)
        return Placed(placed.order, replayed=key is not None)

    async def ordered(self, headers: Headers, body: bytes = BODY) -> Answer:
        """Return the answer to an order."""
        api = app(RateLimit(self.limiter.decide, KEYS), place=self.place)
        return await call(api, http_scope("POST", "/v1/orders", headers), body)


@pytest.mark.parametrize(
    ("headers", "client", "key"),
    [
        ([JSON], "address:10.0.0.9", None),
        ([JSON, ("x-api-key", "key")], "key:shop", None),
        ([JSON, ("idempotency-key", "again")], "address:10.0.0.9", "address:10.0.0.9 again"),
        ([JSON, *[("idempotency-key", "again")] * 2], "address:10.0.0.9", "address:10.0.0.9 again"),
        ([JSON, ("idempotency-key", "again"), ("x-api-key", "key")], "key:shop", "shop again"),
        ([JSON, ("idempotency-key", "k" * 255)], "address:10.0.0.9", f"address:10.0.0.9 {'k' * 255}"),
    ],
)
async def test_an_order_is_accepted(headers: Headers, client: str, key: str | None) -> None:
    """202 with the order, its address, whether it is a repetition, and what is left of the client's limit."""
    shop = Shop()
    answer = await shop.ordered(headers)
    assert (answer.status, answer.header("content-type")) == (202, "application/json")
    assert answer.json()["status"] == "pending"
    assert answer.json()["total"]["currency"] == "EUR"
    assert answer.header("location") == f"/v1/orders/{answer.json()['id']}"
    assert answer.header("idempotency-replayed") == ("true" if key else None)
    assert answer.header("ratelimit-remaining") == "7"
    assert (shop.limiter.counted, shop.asked) == ([client], [key])


@pytest.mark.parametrize(
    ("headers", "body", "status", "kind"),
    [
        ([JSON, ("x-api-key", "nobody's")], BODY, 401, "unauthorized"),
        ([JSON, ("idempotency-key", "two words")], BODY, 422, "validation"),
        ([JSON, ("idempotency-key", "one"), ("idempotency-key", "two")], BODY, 400, "bad-request"),
        ([("content-type", "text/plain")], BODY, 415, "unsupported-media-type"),
        ([JSON], b"{", 400, "malformed-json"),
        ([JSON], b"{}", 422, "validation"),
        ([JSON], BODY.replace(b"moka-pot", b"teapot"), 422, "validation"),
        ([JSON], b" " * 70_000, 413, "content-too-large"),
        ([JSON, ("idempotency-key", "full")], BODY, 503, "outbox-full"),
        ([JSON, ("idempotency-key", "bug")], BODY, 500, "internal-error"),
    ],
)
async def test_an_order_is_refused(headers: Headers, body: bytes, status: int, kind: str) -> None:
    """With a problem of its kind, after it was counted; past the limit it is 429 whatever else is wrong."""
    shop, limited = Shop(), Shop(limiter=Limiter(allowed=False, retry_after=2))
    answer = await shop.ordered(headers, body)
    assert (answer.status, answer.json()["type"]) == (status, f"urn:orderscope:problem:{kind}")
    assert shop.limiter.counted == ["address:10.0.0.9"]
    assert (await limited.ordered(headers, body)).status == 429
    assert limited.asked == []


@pytest.mark.parametrize("key", ["", "k" * 256, "two words", "caf\xe9"])
async def test_a_malformed_idempotency_key_is_named(key: str) -> None:
    """A key is 1 to 255 printable ASCII characters; the problem names the header."""
    [error] = (await Shop().ordered([JSON, ("idempotency-key", key)])).json()["errors"]
    assert error["location"] == "header.idempotency-key"


async def test_results_are_counted_under_their_labels() -> None:
    """Each result once, and what raises is no result."""
    counts: list[str] = []
    shop = Shop()
    place = counted(shop.place, counts.append, lambda placed: "replayed" if placed.replayed else "new")
    order = NewOrder.model_validate(EXAMPLE)
    for key in (None, "again", " full"):
        with suppress(OutboxFullError):
            await place(order, key)
    assert counts == ["new", "replayed"]
