"""Doing to real processes and connections what the plan says."""

import asyncio
import signal
from dataclasses import dataclass, field
from functools import partial
from random import Random

from resilience.chaos.cluster import until_whole
from resilience.chaos.letters import WORK_QUEUES, Mailman, duplicate, put, steal
from resilience.chaos.plan import Fault
from resilience.chaos.poison import MARK, poison
from resilience.chaos.system import Exit, System

DUPLICATES = (20, 60)
STOLEN_FROM = "worker.order-created"
POISONS = (3, 8)
"""How many messages at once; the number is drawn."""


@dataclass(slots=True)
class Actions:
    """What can be done, and what is to be remembered of it for the ledger."""

    system: System
    mailman: Mailman
    rng: Random
    exits: list[Exit] = field(default_factory=list)
    poisons: dict[str, str] = field(default_factory=dict)
    """The queue that each poison went into, by its mark."""

    async def apply(self, fault: Fault) -> str:
        """Do it, undo it, and return what is worth knowing of it."""
        action, _, what = fault.name.partition("-")
        if what in {"amqp", "redis", "smtp"} and action in {"cut", "delay", "stall"}:
            return await self._connection(action, fault)
        return await self.ACTIONS[action](self, fault)

    async def _before(self, fault: Fault) -> None:
        """Take one broker from a cluster only when the others have all that it has."""
        if fault.kind.brokers == "cluster":
            await until_whole(self.system.blueprint.managements)

    async def _kill(self, fault: Fault) -> str:
        await self._before(fault)
        await self.system.kill(fault.target)
        await asyncio.sleep(fault.seconds)
        await self.system.start([fault.target])
        return "killed, started again"

    async def _stop(self, fault: Fault) -> str:
        await self._before(fault)
        exited = await self.system.terminate(fault.target)
        await asyncio.sleep(fault.seconds)
        await self.system.start([fault.target])
        return f"ended after {exited.seconds:.1f} s, started again"

    async def _sigterm(self, fault: Fault) -> str:
        exited = await self.system.terminate(fault.target)
        self.exits.append(exited)
        await self.system.start([fault.target])
        return f"exit status {exited.status} after {exited.seconds:.1f} s, started again"

    async def _freeze(self, fault: Fault) -> str:
        await self._before(fault)
        self.system.signal(fault.target, signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        self.system.signal(fault.target, signal.SIGCONT)
        return f"frozen for {fault.seconds:.1f} s"

    async def _connection(self, action: str, fault: Fault) -> str:
        link = self.system.blueprint.links[fault.target]
        if action == "cut":
            hit = link.connections
            await link.cut()
            await asyncio.sleep(fault.seconds)
            await link.open()
            return f"{hit} connections reset, refused for {fault.seconds:.1f} s"
        if action == "delay":
            await link.delay(fault.latency_ms / 1000)
            await asyncio.sleep(fault.seconds)
            await link.delay(0)
            return f"{fault.latency_ms:.0f} ms slower for {fault.seconds:.1f} s"
        await link.stall()
        await asyncio.sleep(fault.seconds)
        await link.flow()
        return f"nothing passed for {fault.seconds:.1f} s"

    async def _duplicate(self, fault: Fault) -> str:
        del fault  # it says when, and that was it
        count = self.rng.randint(*DUPLICATES)
        return f"{await self.mailman.insist(partial(duplicate, count=count))} messages published again"

    async def _steal(self, fault: Fault) -> str:
        work = partial(steal, queue=STOLEN_FROM, seconds=fault.seconds)
        return f"{await self.mailman.insist(work)} messages taken from {STOLEN_FROM} and lost"

    async def _poison(self, fault: Fault) -> str:
        for queue, event_type in WORK_QUEUES.items():
            marks = [f"{MARK}-{fault.at}-{queue}-{n:03}" for n in range(self.rng.randint(*POISONS))]
            # Remembered first: one that was not confirmed is published again, and may lie there twice.
            self.poisons |= dict.fromkeys(marks, queue)
            messages = [poison(event_type, mark, self.rng) for mark in marks]
            await self.mailman.insist(partial(put, queue=queue, messages=messages))
        return f"{len(self.poisons)} so far"

    ACTIONS = {  # noqa: RUF012 - the table of the methods above
        "kill": _kill,
        "stop": _stop,
        "sigterm": _sigterm,
        "freeze": _freeze,
        "duplicate": _duplicate,
        "steal": _steal,
        "poison": _poison,
    }
