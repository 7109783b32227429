"""Clients, customers and strangers who say nothing twice, and the services over a Redis that is none."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha1
from typing import Any
from urllib.parse import quote

from opentelemetry.trace import NoOpTracer
from starlette.types import ASGIApp, Scope

from observability import Telemetry
from observability.metrics import new_registry
from services.api.app import Connections as ApiConnections
from services.api.app import build as build_api
from services.api.schemas import EXAMPLE
from services.api.settings import Settings as ApiSettings
from services.common.ids import uuid7
from services.common.lifecycle import Lifetime
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.messages import Delivery, Process
from services.common.outbox.stream import Outbox
from services.common.redis.memory import Memory
from services.common.scenarios import Scenarios
from services.notifier.app import build as build_notifier
from services.notifier.settings import Settings as NotifierSettings
from services.worker.app import Connections as WorkerConnections
from services.worker.app import build as build_worker
from services.worker.settings import Settings as WorkerSettings
from tests.telemetry.source import ROOT
from tests.unit.asgi import http_scope
from tests.unit.fakes import delivery

REPLIES: dict[str, Any] = {
    "accept": ["accepted", "", ""],
    "limit": [1, 9, 0, 0],
    "reserve": "reserved",
    "charge": "approved",
    "settle": ["done", 1, "2026-01-01T00:00:00.000Z"],
}
SCRIPTS = {
    sha1(file.read_bytes(), usedforsecurity=False).hexdigest(): file.stem
    for file in ROOT.glob("services/*/lua/*.lua")
}
EVENT: dict[str, Any] = {"occurred_at": "2026-01-01T00:00:00Z", "type": "order.created.v1"}


class Redis:
    """Stands for a Redis in which every script goes well, no order is known, and every email was sent."""

    async def __call__(self, stage: Callable[["Redis"], object], *, once: bool = False) -> object:
        del once
        return stage(self)

    def evalsha(self, digest: str, *_: object) -> Any:  # noqa: ANN401 - as varied as scripts
        """Return what a script replies, whatever its arguments are."""
        return REPLIES.get(SCRIPTS[digest])

    def set(self, *_: object, **__: object) -> str:
        """Say that the email was sent."""
        return "sent"

    def hgetall(self, _: str) -> dict[str, str]:
        return {}

    def get(self, _: str) -> None:
        return None

    def hmget(self, _: str, fields: list[str]) -> list[None]:
        return [None] * len(fields)


def telemetry(service: str) -> Telemetry:
    """Return what records metrics alone."""
    registry = new_registry(service=service, version="1", environment="development")
    return Telemetry(NoOpTracer(), registry, "test-1")


def api(seen: Telemetry) -> ASGIApp:
    """Return the whole application, behind its telemetry."""
    redis: Any = Redis()
    broker = BrokerConnection("amqp://nobody", "test")
    outbox = Outbox(redis, "api", dict)
    connections = ApiConnections(
        redis, redis, redis, Memory(redis, 1, seen.instruments()), outbox, broker, broker
    )
    return seen.http(build_api(ApiSettings(), seen, connections, no_scenarios(), Lifetime()).app)


def worker(seen: Telemetry) -> Process:
    """Return the worker's processing of deliveries."""
    redis: Any = Redis()
    broker = BrokerConnection("amqp://nobody", "test")
    connections = WorkerConnections(redis, redis, Outbox(redis, "worker", dict), broker, broker)
    return build_worker(WorkerSettings(payment_latency_ms=0), seen, connections, no_scenarios()).process


def notifier(seen: Telemetry) -> Process:
    """Return the notifier's processing of deliveries."""
    redis: Any = Redis()
    memory = Memory(redis, 1, seen.instruments())
    return build_notifier(NotifierSettings(), seen, redis, memory, no_scenarios(), {})


def no_scenarios() -> Scenarios:
    """Have no faults."""
    return Scenarios(lambda _: "")


def requests(count: int) -> Iterator[tuple[Scope, bytes]]:
    """Yield requests of which no two have anything in common but the route that takes them, if one does."""
    for number in range(count):
        own = f"{number}-{uuid7()}"
        headers = [
            ("user-agent", f"agent/{own}"),
            ("x-correlation-id", own),
            ("x-api-key", own),
            ("idempotency-key", own),
            ("traceparent", f"00-{number + 1:032x}-{number + 1:016x}-01"),
            ("authorization", f"Bearer {own}"),
            ("content-type", "application/json" if number % 3 else f"application/{own}"),
        ]
        customer = {"name": f"Customer {own}", "email": f"{own}@example.com"}
        order = {**EXAMPLE, "customer": customer, "payment": {"token": f"tok_{number}"}}
        paths = (
            "/v1/orders",
            f"/v1/orders/{uuid7()}",
            f"/v1/orders/{quote(own)}/status",
            f"/v1/orders/{own}/events",
            f"/v1/dead-letters/{own}/{number:032x}",
            f"/{own}/../{own}",
            f"/v1/orders{'/' * (number % 9)}{own}",
        )
        methods = ("POST", "GET", f"X{number}", "POST", "PUT")
        body = json.dumps(order) if number % 2 else own
        scope = http_scope(methods[number % len(methods)], paths[number % len(paths)], headers)
        yield scope, body.encode()


def deliveries(count: int, queue: str) -> Iterator[Delivery]:
    """Yield deliveries of orders, to customers, under keys and with ids that were never seen before."""
    for number in range(count):
        own = f"{number}-{uuid7()}"
        data = {
            "order_id": uuid7(),
            "customer": {"name": f"Customer {own}", "email": f"c{number}@example.com"},
            "items": [{"sku": own[:60], "quantity": 1}],
            "total": {"amount": number, "currency": "EUR"},
            "payment": {"token": "tok_visa" if number % 2 else f"tok_{own}"},
        }
        kinds = ("order.created.v1", "order.done.v1", own)
        event = {"id": uuid7(), **EVENT, "type": kinds[number % len(kinds)], "data": data}
        body = json.dumps(event) if number % 5 else own
        one = delivery(body.encode(), queue=queue, x_attempt=1 + number % 5)
        exchange = ("orders", queue)[number % 2]
        key = ("order.created.v1", own)[number % 2]
        yield replace(one, message_id=own, correlation_id=own, exchange=exchange, routing_key=key)
