"""Clients that place and read orders while a drill runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex

import httpx2

from stack.drills.kinds import Load

ORDER = {
    "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
    "items": [{"sku": "espresso-beans", "quantity": 1}],
    "payment": {"token": "tok_visa"},
}
MAX_AT_ONCE = 64
READABLE = 20
"""Orders that are read again and again."""


@dataclass(slots=True)
class Clients:
    """What clients have seen so far."""

    http: httpx2.AsyncClient
    api: str
    headers: dict[str, str]
    placed: list[str] = field(default_factory=list)
    accepted: int = 0
    refused: int = 0
    _busy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_AT_ONCE))

    async def place(self) -> None:
        """Place an order."""
        headers = {**self.headers, "X-Correlation-ID": f"drill-{token_hex(6)}"}
        answer = await self.http.post(f"{self.api}/v1/orders", json=ORDER, headers=headers)
        if answer.status_code == httpx2.codes.ACCEPTED:
            self.accepted += 1
            if len(self.placed) < READABLE:
                self.placed.append(answer.json()["id"])
        else:
            self.refused += 1

    async def read(self) -> None:
        """Read an order that was placed before."""
        if self.placed:
            self.placed.append(order_id := self.placed.pop(0))
            await self.http.get(f"{self.api}/v1/orders/{order_id}", headers=self.headers)

    async def keep(self, act: Callable[[], Awaitable[None]], per_second: float) -> None:
        """Do something so many times a second, until cancelled; what goes wrong is part of a drill."""
        if not per_second:
            return
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._busy.acquire()  # a client that gets no answers begins nothing more
                tasks.create_task(self._one(act))
                await asyncio.sleep(1 / per_second)

    async def _one(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except (httpx2.HTTPError, ValueError):
            self.refused += 1
        finally:
            self._busy.release()


@asynccontextmanager
async def driving(
    http: httpx2.AsyncClient, api: str, load: Load, headers: dict[str, str]
) -> AsyncIterator[Clients]:
    """Place and read orders while the block runs."""
    clients = Clients(http, api, headers)
    work = [
        asyncio.create_task(clients.keep(clients.place, load.orders)),
        asyncio.create_task(clients.keep(clients.read, load.reads)),
    ]
    try:
        yield clients
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
