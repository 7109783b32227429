"""Carrying out a plan: each lane by itself, one fault after the other."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from resilience.chaos.actions import Actions
from resilience.chaos.plan import Fault, Plan
from stack.progress import YELLOW, Progress


@dataclass(frozen=True, slots=True)
class Done:
    """A fault as it happened, in seconds since the load began."""

    name: str
    at_s: float
    seconds: float
    """Until what was hit worked again."""
    target: str
    detail: str


@dataclass(slots=True)
class Injection:
    """The faults of a run, and what was done so far."""

    plan: Plan
    actions: Actions
    progress: Progress
    done: list[Done] = field(default_factory=list)

    async def run(self) -> None:
        """Do everything in the plan, each lane in its own time.

        Raises:
            ExceptionGroup: Something did not come back.
        """
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for lane in self.plan.lanes():
                tasks.create_task(self._lane(lane, began))

    async def _lane(self, faults: Sequence[Fault], began: float) -> None:
        for fault in faults:
            await asyncio.sleep(began + fault.at - time.monotonic())
            at = time.monotonic() - began
            self.progress.say("fault", _announce(fault), YELLOW)
            detail = await self.actions.apply(fault)
            seconds = time.monotonic() - began - at
            self.done.append(Done(fault.name, round(at, 1), round(seconds, 1), fault.target, detail))
            self.progress.say("", f"{fault.name} is over: {detail}")


def _announce(fault: Fault) -> str:
    where = "" if fault.name.endswith(fault.target) else f" ({fault.target})"
    return f"{fault.name}{where}"
