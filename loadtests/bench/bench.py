"""One turn of one variant, measured from the first order until nothing waits any more."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from loadtests.bench import accounting
from loadtests.bench.broker import Queues
from loadtests.bench.client import Tally, place_orders
from loadtests.bench.figures import Slice
from loadtests.bench.seeds import accept, forget_orders, seeds
from loadtests.bench.sink import Sink
from loadtests.bench.system import System
from loadtests.bench.variants import TRACED, Variant, sampled_share
from stack import processes
from stack.errors import StackError

FIRST_ORDERS = 500
"""How many a worker gets to warm up; then as many as it should take for a slice."""
MOST_ORDERS = 30_000
POLL_SECONDS = 0.01
WATCH_SECONDS = 0.05
DRAIN_SECONDS = 60.0
"""How long an outbox may take to empty, or a queue."""
EXPORT_SECONDS = 10.0
"""How long spans and lines may take to arrive after the last order."""


@dataclass(slots=True)
class Bench:
    """One variant, and all that is needed to measure it."""

    variant: Variant
    system: System
    queues: Queues
    redis: Redis
    sink: Sink
    slices: list[Slice] = field(default_factory=list)

    async def turn(self, seconds: float, clients: int) -> Slice:
        """Have the variant work for about so long.

        Raises:
            StackError: Something broke, or was lost.
        """
        await self.queues.empty()
        self._take_lines()
        self.sink.forget()
        cpu, servers = self.system.cpu(self.variant), self.system.servers_cpu()
        if self.variant.kind == "api":
            done = await self._api(seconds, clients)
        else:
            done = await self._worker(seconds)
        servers = self.system.servers_cpu() - servers
        seen = await self._seen(done.ids)
        cpu = self.system.cpu(self.variant) - cpu
        await self.queues.empty()
        await forget_orders(self.redis)
        return Slice(
            orders=len(done.ids),
            seconds=done.seconds,
            cpu=cpu,
            lag=done.lag,
            servers=servers,
            telemetry=seen.bytes,
            spans=self.sink.spans,
            unseen=seen.unseen,
            latencies=done.latencies,
        )

    async def _api(self, seconds: float, clients: int) -> "Done":
        async with self._watched() as lags:
            began = time.perf_counter()
            tally: Tally = await place_orders(self.system.listeners[self.variant.title], clients, seconds)
            ended = await self._published(len(tally.ids))
        return Done(tally.ids, ended - began, max(lags, default=0.0), tally.latencies)

    async def _worker(self, seconds: float) -> "Done":
        orders = seeds(self._orders_for(seconds), sampled_share())
        await accept(self.redis, orders)
        # Frozen, so that the queue is full when its turn begins, and the broker has nothing else to do then.
        self._signal(signal.SIGSTOP)
        try:
            await self.queues.fill([order.message for order in orders])
        finally:
            began = time.perf_counter()
            self._signal(signal.SIGCONT)
        async with self._watched() as lags:
            ended = await self._published(len(orders))
        return Done([order.order_id for order in orders], ended - began, max(lags, default=0.0), [])

    def _orders_for(self, seconds: float) -> int:
        if not self.slices:
            return FIRST_ORDERS
        return min(MOST_ORDERS, max(FIRST_ORDERS, round(self.slices[-1].rate * seconds)))

    def _signal(self, number: signal.Signals) -> None:
        for name in self.system.names[self.variant.title]:
            processes.send(self.system.running[name], number)

    async def _published(self, orders: int) -> float:
        """Wait until all has been published, and return when that was, by the clock of `perf_counter`."""
        deadline = time.perf_counter() + DRAIN_SECONDS
        while (there := await self.queues.results()) < orders:
            if time.perf_counter() > deadline:
                raise StackError(f"{self.variant.title}: only {there} of {orders} orders were published")
            await asyncio.sleep(POLL_SECONDS)
        ended = time.perf_counter()
        while await self.redis.xlen(self._outbox):
            if time.perf_counter() > deadline:
                raise StackError(f"{self.variant.title}: its outbox does not empty")
            await asyncio.sleep(POLL_SECONDS)
            ended = time.perf_counter()
        return ended

    @property
    def _outbox(self) -> str:
        return f"outbox:{self.variant.kind}"

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[list[float]]:
        """Yield the ages of the outbox's oldest entry, in seconds, as they are seen."""
        lags: list[float] = []
        task = asyncio.create_task(self._watch(lags))
        try:
            yield lags
        finally:
            task.cancel()

    async def _watch(self, lags: list[float]) -> None:
        while self.variant.ours:
            oldest: Any = await self.redis.xrange(self._outbox, count=1)
            if oldest:
                lags.append(max(0.0, time.time() - int(oldest[0][0].split("-")[0]) / 1000))
            await asyncio.sleep(WATCH_SECONDS)

    def _take_lines(self) -> tuple[list[dict[str, object]], int]:
        lines, size = [], 0
        for name in self.system.names[self.variant.title]:
            more, count = accounting.take_lines(self.system.layout.log(name))
            lines += more
            size += count
        return lines, size

    async def _seen(self, orders: Sequence[str]) -> "Seen":
        """Wait for the spans of a slice, and return what is missing of its orders."""
        deadline = time.perf_counter() + EXPORT_SECONDS
        lines, size = self._take_lines()
        while True:
            self.sink.read()
            unseen = self._unseen(orders, lines)
            if not unseen or time.perf_counter() > deadline:
                return Seen(self.sink.bytes + size, len(unseen))
            await asyncio.sleep(WATCH_SECONDS)
            more, count = self._take_lines()
            lines += more
            size += count

    def _unseen(self, orders: Sequence[str], lines: list[dict[str, object]]) -> list[str]:
        if self.variant.name == "on":
            traces = self.sink.traces if sampled_share() == 1 else None
            return accounting.unseen(self.variant.kind, orders, lines, traces)
        if self.variant.name in TRACED:
            return list(orders[len(self.sink.traces) :])
        return []


@dataclass(frozen=True, slots=True)
class Done:
    """What was done in a turn."""

    ids: Sequence[str]
    seconds: float
    lag: float
    latencies: list[float]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a turn."""

    bytes: int
    unseen: int
