"""Injecting the faults of a plan into real processes, connections and queues."""

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from resilience.chaos.amqp import WORK_QUEUES, Brokers, duplicate, put, steal
from resilience.chaos.management import until_replicated
from resilience.chaos.plan import Fault, Plan
from resilience.chaos.poison import MARK, poison
from resilience.chaos.system import Exit, System
from stack.components import SERVICES
from stack.processes import send
from stack.progress import YELLOW, Progress

DUPLICATES = (20, 60)
POISONS = (3, 8)
"""How many messages at once; the number is drawn."""
STOLEN_FROM = "worker.order-created"


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault as it happened; times in seconds, `at_s` since the load began."""

    name: str
    at_s: float
    seconds: float
    """Until what was hit worked again."""
    target: str
    detail: str


@dataclass(slots=True)
class Actions:
    """The faults of a run, and what the ledger must know of them."""

    system: System
    brokers: Brokers
    rng: Random
    injected: list[Injected] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    poisons: dict[str, str] = field(default_factory=dict)
    """The queue that each poison message went into, by its mark."""

    async def run(self, plan: Plan, progress: Progress) -> None:
        """Inject all faults of a plan: the lanes side by side, the faults of a lane one after the other.

        Raises:
            ExceptionGroup: Something did not recover.
        """
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for lane in plan.lanes():
                tasks.create_task(self._lane(lane, began, progress))

    async def _lane(self, faults: Sequence[Fault], began: float, progress: Progress) -> None:
        for fault in faults:
            await asyncio.sleep(began + fault.at - time.monotonic())
            at = time.monotonic() - began
            where = "" if fault.name.endswith(fault.target) else f" ({fault.target})"
            progress.say("fault", f"{fault.name}{where}", YELLOW)
            detail = await self._inject(fault)
            seconds = time.monotonic() - began - at
            self.injected.append(Injected(fault.name, round(at, 1), round(seconds, 1), fault.target, detail))
            progress.say("", f"{fault.name} is over: {detail}")

    async def _inject(self, fault: Fault) -> str:
        """Inject a fault by the method of its first word, undo it, and return a description."""
        if fault.kind.brokers == "cluster":  # a node is taken only when the others have all that it has
            await until_replicated(self.system.blueprint.managements)
        detail: str = await getattr(self, f"_{fault.name.partition('-')[0]}")(fault)
        return detail

    async def _kill(self, fault: Fault) -> str:
        await self.system.kill(fault.target)
        await asyncio.sleep(fault.seconds)
        await self.system.start([fault.target])
        return "killed, started again"

    async def _freeze(self, fault: Fault) -> str:
        process = self.system.processes[fault.target]
        send(process, signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        send(process, signal.SIGCONT)
        return f"frozen for {fault.seconds:.1f} s"

    async def _stop(self, fault: Fault) -> str:
        """Stop a component in order; the ledger checks how services exit."""
        exited = await self.system.terminate(fault.target)
        if fault.target in SERVICES:
            self.exits.append(exited)
        await asyncio.sleep(fault.seconds)
        await self.system.start([fault.target])
        return f"exit status {exited.status} after {exited.seconds:.1f} s, started again"

    _sigterm = _stop

    async def _cut(self, fault: Fault) -> str:
        proxy = self.system.blueprint.proxies[fault.target]
        count = proxy.connections
        await proxy.cut()
        await asyncio.sleep(fault.seconds)
        await proxy.open()
        return f"{count} connections reset, refused for {fault.seconds:.1f} s"

    async def _delay(self, fault: Fault) -> str:
        proxy = self.system.blueprint.proxies[fault.target]
        proxy.delay_seconds = fault.latency_ms / 1000
        await asyncio.sleep(fault.seconds)
        proxy.delay_seconds = 0.0
        return f"{fault.latency_ms:.0f} ms slower for {fault.seconds:.1f} s"

    async def _stall(self, fault: Fault) -> str:
        proxy = self.system.blueprint.proxies[fault.target]
        proxy.flowing.clear()
        await asyncio.sleep(fault.seconds)
        proxy.flowing.set()
        return f"nothing passed for {fault.seconds:.1f} s"

    async def _duplicate(self, _: Fault) -> str:
        work = partial(duplicate, count=self.rng.randint(*DUPLICATES))
        return f"{await self.brokers.run(work)} messages published again"

    async def _steal(self, fault: Fault) -> str:
        work = partial(steal, queue=STOLEN_FROM, seconds=fault.seconds)
        return f"{await self.brokers.run(work)} messages taken from {STOLEN_FROM} and lost"

    async def _poison(self, fault: Fault) -> str:
        for queue, event_type in WORK_QUEUES.items():
            marks = [f"{MARK}-{fault.at}-{queue}-{n:03}" for n in range(self.rng.randint(*POISONS))]
            # Remembered first: an unconfirmed message is published again, and may then be in the queue twice.
            self.poisons |= dict.fromkeys(marks, queue)
            messages = [poison(event_type, mark, self.rng) for mark in marks]
            await self.brokers.run(partial(put, queue=queue, messages=messages))
        return f"{len(self.poisons)} so far"
