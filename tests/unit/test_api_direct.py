"""The short cut beside FastAPI's way: for any request the same answer, from the same use case."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry.trace import StatusCode
from starlette.types import Receive, Scope, Send

from observability.http import HttpMiddleware
from services.api.dependencies import RateLimit
from services.api.keys import ApiKeys, key_hash
from services.api.limits import Decision
from services.api.orders import OutboxFullError, Placed
from services.api.schemas import EXAMPLE, NewOrder
from tests.unit.api_app import app, placing
from tests.unit.asgi import Answer, Headers, call, http_scope
from tests.unit.recorder import Recorder

JSON = ("content-type", "application/json")
BODY = json.dumps(EXAMPLE).encode()
KEYS = ApiKeys({"shop": key_hash(b"key")}, required=False)
CHANGING = {"location", "x-correlation-id", "content-length"}

REQUESTS: list[tuple[Headers, bytes]] = [
    ([JSON], BODY),
    ([JSON, ("x-api-key", "key")], BODY),
    ([JSON, ("x-api-key", "nobody's")], BODY),
    ([JSON, ("idempotency-key", "again")], BODY),
    ([JSON, ("idempotency-key", "again"), ("x-api-key", "key")], BODY),
    ([JSON, ("idempotency-key", "")], BODY),
    ([JSON, ("idempotency-key", "two words")], BODY),
    ([JSON, ("idempotency-key", "k" * 256)], BODY),
    ([("content-type", "text/plain")], BODY),
    ([JSON], b"{"),
    ([JSON], b"{}"),
    ([JSON], BODY.replace(b"moka-pot", b"teapot")),
    ([JSON], b" " * 70_000),
    ([JSON, ("idempotency-key", "full")], BODY),
    ([JSON, ("idempotency-key", "bug")], BODY),
]


@dataclass
class Shop:
    """Stands for the use case and the limiter: remembers what each was asked."""

    asked: list[str | None] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    allowed: bool = True

    async def place(self, new: NewOrder, key: str | None) -> Placed:
        """Place an order, or fail as its key says."""
        self.asked.append(key)
        if key == " full":
            raise OutboxFullError
        if key == " bug":
            raise ZeroDivisionError
        placed = await placing(new, key)
        return Placed(placed.order, replayed=key is not None)

    async def decide(self, client: str) -> Decision:
        """Count a client."""
        self.counted.append(client)
        return Decision(self.allowed, 10, 7, 0.0 if self.allowed else 2.0, 3.0)

    def app(self) -> FastAPI:
        """Return the application."""
        return app(RateLimit(self.decide, KEYS), place=self.place)


def around(api: FastAPI) -> Any:  # noqa: ANN401 - an ASGI app
    """Return the application without its short cuts."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await FastAPI.__call__(api, scope, receive, send)

    return serve


def told(answer: Answer, shop: Shop) -> tuple[Any, ...]:
    """Return what an answer says, free of what is new each time, and what was asked for it."""
    headers = {name: value for name, value in answer.messages[0]["headers"] if name.decode() not in CHANGING}
    body = {name: value for name, value in answer.json().items() if name not in {"id", "created_at"}}
    raised = type(answer.raised).__name__
    return answer.status, headers, answer.header("location") is None, body, raised, shop.asked, shop.counted


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize(("headers", "body"), REQUESTS)
async def test_both_ways_answer_alike(headers: Headers, body: bytes, *, allowed: bool) -> None:
    """Accepted, refused or failed: status, headers, body, and how often the client was counted."""
    ours, theirs = Shop(allowed=allowed), Shop(allowed=allowed)
    direct = await call(ours.app(), http_scope("POST", "/v1/orders", headers), body)
    usual = await call(around(theirs.app()), http_scope("POST", "/v1/orders", headers), body)
    assert told(direct, ours) == told(usual, theirs)


async def test_the_short_cut_is_taken() -> None:
    """For an ordinary request FastAPI is not asked at all; for a strange one it is."""
    shop = Shop()
    api = shop.app()
    api.router.routes.clear()
    assert (await call(api, http_scope("POST", "/v1/orders", [JSON]), BODY)).status == 202
    assert (await call(api, http_scope("POST", "/v1/orders/", [JSON]), BODY)).status == 404
    strange = http_scope("POST", "/v1/orders", [JSON, ("idempotency-key", "two words")])
    assert (await call(api, strange, BODY)).status == 404


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize(
    ("key", "status", "code"), [("fine", 202, StatusCode.UNSET), ("full", 503, StatusCode.ERROR)]
)
async def test_telemetry_knows_the_route(key: str, status: int, code: StatusCode) -> None:
    """As it knows it of every other request, also when it failed."""
    recorder = Recorder()
    traced = HttpMiddleware(Shop().app(), recorder.tracer, recorder.registry, enabled=True)
    scope = http_scope("POST", "/v1/orders", [JSON, ("idempotency-key", key)])
    assert (await call(traced, scope, BODY)).status == status
    assert recorder.span().name == "POST /v1/orders"
    assert recorder.span().status.status_code == code
    assert recorder.attributes()["http.route"] == "/v1/orders"
