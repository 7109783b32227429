"""One turn of one variant: orders are placed, settled and read, and each step is a slice."""

import asyncio
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
from aio_pika.abc import AbstractQueue
from redis.asyncio import Redis

from loadtests.bench.client import HEAD, POST, send
from loadtests.bench.evidence import Evidence, Exports
from loadtests.bench.variants import Variant
from stack.errors import StackError
from stack.layout import Layout
from stack.processes import Process

READS = {
    "order": "/v1/orders/{}",
    "status": "/v1/orders/{}/status",
    "list_20": "/v1/orders?limit=20",
    "list_100": "/v1/orders?limit=100",
}
READ_SHARE = 0.25
"""A slice of reads is shorter: it has no queue to fill."""
POLL_SECONDS, WATCH_SECONDS = 0.01, 0.05
DRAIN_SECONDS, EXPORT_SECONDS = 60.0, 10.0
"""How long an outbox and a queue may take to empty, and how long spans and lines may take to arrive."""
ALL_SAMPLED = "ratio" not in os.environ.get("OTEL_TRACES_SAMPLER", "").lower()


@dataclass(slots=True)
class Slice:
    """A step of a turn; times in seconds, those of CPU for all of its requests."""

    orders: Sequence[str] = ()
    """The ids of the orders that were placed or settled; none of a slice of reads."""
    latencies: Sequence[float] = ()
    seconds: float = 0.0
    """From the first request or delivery until nothing waited in the outbox and all was published."""
    cpu: float = 0.0
    """Of the service, the export of all of the slice's spans included."""
    lag: float = 0.0
    """The greatest age of the outbox's oldest entry."""
    spans: int = 0
    unseen: int = 0
    """Orders without all of their spans and log lines."""

    @property
    def requests(self) -> int:
        """How many orders, or reads."""
        return len(self.orders) or len(self.latencies)

    @property
    def figures(self) -> dict[str, float]:
        """What is compared, by its name in `bench.json`: a second, an order or a read."""
        return {
            "rate": self.requests / self.seconds,
            "cpu_us": self.cpu / self.requests * 1e6,
            "busy": self.cpu / self.seconds,
            "outbox_lag_s": self.lag,
            "spans_per_order": self.spans / self.requests,
        }


@dataclass(slots=True)
class Bench:
    """A variant that runs, and what is needed to measure it."""

    variant: Variant
    layout: Layout
    processes: Mapping[str, Sequence[Process]]
    """Those of `api`, of `worker`, and the `servers`."""
    outcomes: AbstractQueue
    redis: Redis
    exports: Exports
    slices: dict[str, list[Slice]] = field(default_factory=lambda: defaultdict(list))
    """Those of each round, by step: `api`, `worker`, and the reads."""

    async def turn(self, seconds: float, clients: int) -> None:
        """Take a turn of about so many seconds a step.

        Raises:
            StackError: Something broke, or was lost.
        """
        ports = [one.ports["http"] for one in self.processes["api"]]
        # The worker is frozen meanwhile: its queue is full, and the api is done, when the worker goes on.
        self._signal_worker(signal.SIGSTOP)
        async with self._measured("api") as placed:
            answers = await send([POST], ports, clients, seconds)
            placed.orders = [json.loads(body)["id"] for _, body in answers]
            placed.latencies = [latency for latency, _ in answers]
            await self._until_published("api")
        async with self._measured("worker") as settled:
            settled.orders = placed.orders
            self._signal_worker(signal.SIGCONT)
            await self._until_published("worker", len(placed.orders))
        for name, path in {} if self.variant.bare else READS.items():
            async with self._measured("api", name) as read:
                gets = [f"GET {path.format(order)}{HEAD}\r\n".encode() for order in placed.orders]
                answers = await send(gets, ports, clients, seconds * READ_SHARE)
                read.latencies = [latency for latency, _ in answers]
        await self.outcomes.purge(timeout=10)
        for pattern in ("order*", "payment:*"):  # no turn finds Redis fuller than the one before
            if keys := [key async for key in self.redis.scan_iter(pattern, 500)]:
                await self.redis.unlink(*keys)

    @asynccontextmanager
    async def _measured(self, kind: str, name: str = "") -> AsyncIterator[Slice]:
        """Yield a slice to be filled in, and measure what the api or the worker does in the block."""
        evidence = Evidence(self.exports, [self.layout.log(one.name) for one in self.processes[kind]])
        found, cpu = Slice(), self._cpu(kind)
        watch, began = asyncio.create_task(self._watch(kind, found)), time.perf_counter()
        try:
            yield found
        finally:
            found.seconds = time.perf_counter() - began  # which ends the watch
            await watch
        for _ in range(round(EXPORT_SECONDS / WATCH_SECONDS)):
            evidence.read()
            if not (unseen := self._unseen(kind, found, evidence)):
                break
            await asyncio.sleep(WATCH_SECONDS)
        found.cpu, found.unseen, found.spans = self._cpu(kind) - cpu, unseen, evidence.spans
        self.slices[name or kind].append(found)

    def _unseen(self, kind: str, found: Slice, evidence: Evidence) -> int:
        if self.variant.name in {"off", "bare"} or not ALL_SAMPLED:
            return 0
        if self.variant.bare or not found.orders:
            return max(0, found.requests - len(evidence.traces))
        return evidence.unseen(kind, found.orders)

    async def _watch(self, kind: str, found: Slice) -> None:
        while not self.variant.bare and not found.seconds:
            oldest: Any = await self.redis.xrange(f"outbox:{kind}", count=1)
            if oldest:
                found.lag = max(found.lag, time.time() - int(oldest[0][0].split("-")[0]) / 1000)
            await asyncio.sleep(WATCH_SECONDS)

    async def _until_published(self, kind: str, outcomes: int = 0) -> None:
        """Wait until so many outcomes were published, and the outbox is empty."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while await self._outcomes() < outcomes or await self.redis.xlen(f"outbox:{kind}"):
            if time.monotonic() > deadline:
                raise StackError(f"{self.variant.name}: not all was published within {DRAIN_SECONDS:g} s")
            await asyncio.sleep(POLL_SECONDS)

    async def _outcomes(self) -> int:
        return (await self.outcomes.declare(timeout=10)).message_count or 0

    def _cpu(self, kind: str) -> float:
        return sum(sum(psutil.Process(one.pid).cpu_times()[:2]) for one in self.processes[kind])

    def _signal_worker(self, number: signal.Signals) -> None:
        for process in self.processes["worker"]:
            os.kill(process.pid, number)
