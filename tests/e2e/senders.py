"""Whoever sends something into a running stack: orders, messages, letters, garbage."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit
from uuid import uuid4

import aio_pika
import httpx2
from aio_pika.abc import AbstractChannel

from stack.layout import Layout
from tests.e2e.seen import Seen
from tests.e2e.test_bad_messages import GOOD_HEADERS
from tests.servers import eventually, publish

OPERATOR = {"Authorization": "Bearer orderscope"}
WORK, TELL = "worker.order-created", "notifier.order-outcome"
LETTERS = f"/v1/dead-letters/{WORK}.dlq"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
MARK = "paths-"
"""How correlation ids of what is sent here begin."""


@dataclass(frozen=True, slots=True)
class Senders:
    """What they need."""

    api: httpx2.AsyncClient
    seen: Seen
    channel: AbstractChannel
    layout: Layout
    addresses: Mapping[str, str]
    """Of each service's HTTP server."""

    async def place(
        self, token: str, sku: str = "moka-pot", quantity: int = 1, headers: Mapping[str, str] = NO_HEADERS
    ) -> str:
        """Place an order and return its id."""
        body = {
            "customer": {"name": "Ada", "email": "ada@example.com"},
            "items": [{"sku": sku, "quantity": quantity}],
            "payment": {"token": token},
        }
        given = {"X-Correlation-ID": f"{MARK}{uuid4()}", **headers}
        answer = await self.api.post("/v1/orders", json=body, headers=given)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def letter(self, correlation_id: str, replays: int) -> str:
        """Return the id of a dead letter of the worker, once it lies there."""

        async def look() -> str | None:
            page = (await self.api.get(LETTERS, params={"limit": 100}, headers=OPERATOR)).json()
            found = [one for one in page.get("items", []) if one["correlation_id"] == correlation_id]
            return next((one["id"] for one in found if one["replays"] == replays), None)

        return await eventually(look)

    async def send(self, queue: str, body: bytes) -> str:
        """Put a message straight into a queue and return its correlation id."""
        correlation_id = f"{MARK}{uuid4()}"
        message = aio_pika.Message(
            body, headers=GOOD_HEADERS, correlation_id=correlation_id, message_id=str(uuid4())
        )
        await publish(self.channel, queue, message)
        return correlation_id

    @staticmethod
    async def garbage(address: str) -> None:
        """Send what is no HTTP."""
        url = urlsplit(address)
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            writer.write(b"garbage\r\n\r\n")
            await reader.read()
            writer.close()
