"""Whoever sends something into a running stack: orders, messages, garbage."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from uuid import uuid4

import aio_pika
import httpx2
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from services.common.settings import DEVELOPMENT_SECRET
from stack.layout import Layout
from tests.contract.documents import examples
from tests.e2e.seen import Seen
from tests.running import Endpoints
from tests.servers import eventually, publish

OPERATOR = {"Authorization": f"Bearer {DEVELOPMENT_SECRET}"}
WORK, OUTCOMES = "worker.order-created", "notifier.order-outcome"
DEAD_LETTERS = f"/v1/dead-letters/{WORK}.dlq"
CUSTOMER = {"name": "Ada", "email": "ada@example.com"}
GOOD_HEADERS: Mapping[str, Any] = MappingProxyType(
    {"x-attempt": 1, "x-first-published-at": 1_700_000_000_000}
)
NONE: Mapping[str, str] = MappingProxyType({})


def created(order_id: str = "00000000-0000-7000-8000-000000000000") -> dict[str, Any]:
    """Return a well-formed event of an order that nobody placed."""
    event = examples("order.created.v1")["order.created.v1.minimal"]
    return {
        **event,
        "id": str(uuid4()),
        "data": {**event["data"], "order_id": order_id, "customer": CUSTOMER},
    }


def order_of(token: str, sku: str = "moka-pot", quantity: int = 1) -> dict[str, Any]:
    """Return the body of an order."""
    items = [{"sku": sku, "quantity": quantity}]
    return {"customer": CUSTOMER, "items": items, "payment": {"token": token}}


@dataclass(frozen=True, slots=True)
class Senders:
    """Clients of a running stack."""

    mark: ClassVar[str] = "e2e-"
    """How correlation ids begin."""

    api: httpx2.AsyncClient
    seen: Seen
    channel: AbstractChannel
    layout: Layout

    @classmethod
    @asynccontextmanager
    async def open(cls, endpoints: Endpoints, layout: Layout) -> AsyncIterator[Self]:
        """Yield clients of the api, the backends and the broker."""
        marked = {"X-Correlation-ID": f"{cls.mark}client"}
        connection = await aio_pika.connect(endpoints["amqp"], timeout=10)
        async with (
            httpx2.AsyncClient(base_url=endpoints["api"], timeout=10, headers=marked, trust_env=False) as api,
            connection,
            connection.channel(on_return_raises=True) as channel,
        ):
            yield cls(api, Seen(api, endpoints, layout.logs), channel, layout)

    async def place(self, token: str = "tok_visa", *item: Any, headers: Mapping[str, str] = NONE) -> str:  # noqa: ANN401, S107
        """Place an order and return its id."""
        given = {"X-Correlation-ID": f"{self.mark}{uuid4()}", **headers}
        answer = await self.api.post("/v1/orders", json=order_of(token, *item), headers=given)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def send(
        self,
        queue: str,
        body: bytes | dict[str, Any],
        headers: Mapping[str, Any] = GOOD_HEADERS,
        correlation_id: str = "",
    ) -> str:
        """Put a message straight into a queue and return its correlation id."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        identifier = correlation_id or f"{self.mark}{uuid4()}"
        message = aio_pika.Message(
            content, headers=dict(headers), correlation_id=identifier, message_id=str(uuid4())
        )
        await publish(self.channel, queue, message)
        return identifier

    async def listed(self, correlation_id: str, replays: int = 0) -> dict[str, Any]:
        """Return a dead letter of the worker as the api lists it, once it is there."""

        async def look() -> dict[str, Any] | None:
            page = (await self.api.get(DEAD_LETTERS, params={"limit": 100}, headers=OPERATOR)).json()
            found = [one for one in page.get("items", []) if one["correlation_id"] == correlation_id]
            return next((one for one in found if one["replays"] == replays), None)

        return await eventually(look)

    async def dead_letter(self, queue: str, correlation_id: str) -> AbstractIncomingMessage:
        """Take the dead letter of a correlation id, and those before it, out of a dead-letter queue."""
        dead = await self.channel.get_queue(f"{queue}.dlq", ensure=False)

        async def look() -> AbstractIncomingMessage | None:
            while (found := await dead.get(no_ack=True, fail=False)) is not None:
                if found.correlation_id == correlation_id:
                    return found
            return None

        return await eventually(look)

    @staticmethod
    async def raw(address: str, request: bytes) -> str:
        """Send bytes that are no HTTP, or hardly, and return the answer."""
        url = urlsplit(address)
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            try:
                writer.write(request)
                return (await reader.read()).decode()
            finally:
                writer.close()
