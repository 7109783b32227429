"""The running system: real processes that are started, killed, frozen and started again."""

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from resilience.chaos.build import Blueprint
from resilience.chaos.links import apart
from stack import processes, startup, state
from stack.components import SERVICES
from stack.errors import StackError
from stack.layout import Layout
from stack.locking import uninterrupted
from stack.processes import POLL_SECONDS, Process
from stack.progress import GREEN, Progress


@dataclass(frozen=True, slots=True)
class Exit:
    """How a service ended that was asked to."""

    service: str
    status: int | None
    """Its exit status, -n for signal n; None when it had to be killed at its deadline."""
    seconds: float


@dataclass(frozen=True, slots=True)
class System:
    """What runs, by name."""

    blueprint: Blueprint
    progress: Progress
    processes: dict[str, Process] = field(default_factory=dict)

    async def start(self, names: Iterable[str]) -> None:
        """Start components side by side and wait until each is ready.

        Raises:
            StackError: One does not start; the message has the end of its log.
        """
        layout, starting = self.blueprint.layout, list[startup.Starting]()
        for name in names:
            starting.append(startup.begin(self.blueprint.specs[name], layout.run_dir))
            # At once: the next may not begin, and nothing is to be left behind then.
            self.processes[name] = starting[-1].process
            state.save(layout, self.blueprint.ports, self.processes.values())
        async with asyncio.TaskGroup() as tasks:
            for one in starting:
                tasks.create_task(_ready(one))

    async def start_all(self) -> None:
        """Start everything, servers before services."""
        specs = self.blueprint.specs
        servers = [name for name, spec in specs.items() if name not in SERVICES and not spec.after]
        resting = [name for name, spec in specs.items() if name not in SERVICES and spec.after]
        for group in (servers, resting, SERVICES):
            await self.start(group)
            self.progress.say("start", f"{', '.join(group)}: ready", GREEN)

    async def kill(self, name: str) -> None:
        """End a component as a crash does."""
        await asyncio.to_thread(processes.stop, self.processes[name], kill=True)

    async def terminate(self, name: str) -> Exit:
        """Send SIGTERM and wait for the end; at the component's deadline it is killed."""
        process, began = self.processes[name], time.monotonic()
        processes.send(process, signal.SIGTERM)
        status = None
        while status is None and time.monotonic() < began + process.stop_timeout:
            await asyncio.sleep(POLL_SECONDS)
            status = processes.exit_status(process)
        seconds = time.monotonic() - began
        await self.kill(name)  # what it may have left behind
        return Exit(name, status, round(seconds, 2))

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a component's process."""
        processes.send(self.processes[name], number)


@asynccontextmanager
async def running(blueprint: Blueprint, progress: Progress) -> AsyncIterator[System]:
    """Start a system, proxies first, and leave no process behind.

    Raises:
        StackError: Something does not start.
    """
    system, links = System(blueprint, progress), blueprint.links.values()
    with apart(links):
        try:
            for link in links:
                await link.open()
            await system.start_all()
            yield system
        finally:
            with uninterrupted():
                processes.stop_all(system.processes.values(), kill=True)
                state.forget(blueprint.layout)
            for link in links:
                await link.cut()


def purge(layout: Layout) -> None:
    """End what an earlier run left behind, if its harness crashed, and delete its data and logs.

    Raises:
        StackError: A process cannot be ended.
    """
    if left := state.load(layout):
        processes.stop_all(left.processes, kill=True)
    state.forget(layout)
    for directory in (layout.run_dir / "data", layout.logs):
        shutil.rmtree(directory, ignore_errors=True)


async def _ready(starting: startup.Starting) -> None:
    while not await asyncio.to_thread(startup.is_ready, starting):  # noqa: ASYNC110 - another process tells no event
        await asyncio.sleep(POLL_SECONDS)


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a task group that the user can act on, or else just the first."""
    ours, others = group.split(StackError)
    errors = (ours or others or group).exceptions
    return first_error(errors[0]) if isinstance(errors[0], BaseExceptionGroup) else errors[0]
