"""Clients that place and read orders while a drill runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from secrets import token_hex

import httpx2

from resilience.drills.catalogue import Load

ORDER = {
    "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
    "items": [{"sku": "espresso-beans", "quantity": 1}],
    "payment": {"token": "tok_visa"},
}
MAX_CONCURRENT = 64
READABLE = 20
"""Orders that are read again and again."""


@dataclass(slots=True)
class Clients:
    """Some clients, and the orders that were accepted."""

    http: httpx2.AsyncClient
    api: str
    headers: dict[str, str]
    placed: list[str] = field(default_factory=list)
    accepted: int = 0
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CONCURRENT))

    async def place(self) -> None:
        """Place an order."""
        headers = {**self.headers, "X-Correlation-ID": f"drill-{token_hex(6)}"}
        answer = await self.http.post(f"{self.api}/v1/orders", json=ORDER, headers=headers)
        if answer.status_code == httpx2.codes.ACCEPTED:
            self.accepted += 1
            if len(self.placed) < READABLE:
                self.placed.append(answer.json()["id"])

    async def read(self) -> None:
        """Read an order that was placed before."""
        if self.placed:
            self.placed.append(order_id := self.placed.pop(0))
            await self.http.get(f"{self.api}/v1/orders/{order_id}", headers=self.headers)

    async def repeat(self, act: Callable[[], Awaitable[None]], per_second: float) -> None:
        """Do something so many times a second until cancelled; errors are part of a drill."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._slots.acquire()  # while none is answered, no more are sent
                tasks.create_task(self._one(act))
                await asyncio.sleep(1 / per_second)

    async def _one(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            with suppress(httpx2.HTTPError):
                await act()
        finally:
            self._slots.release()


@asynccontextmanager
async def driving(
    http: httpx2.AsyncClient, api: str, load: Load, headers: dict[str, str]
) -> AsyncIterator[Clients]:
    """Place and read orders while the block runs."""
    clients = Clients(http, api, headers)
    rates = ((clients.place, load.orders), (clients.read, load.reads))
    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(clients.repeat(act, rate)) for act, rate in rates if rate]
        try:
            yield clients
        finally:
            for task in work:
                task.cancel()
