"""The running system: real processes that are started, killed, frozen and started again."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from resilience.chaos.blueprint import Blueprint
from stack import processes, startup, state
from stack.components import SERVICES
from stack.errors import StackError
from stack.locking import uninterrupted
from stack.processes import POLL_SECONDS, Process
from stack.progress import GREEN, Progress


@dataclass(frozen=True, slots=True)
class Exit:
    """How a service ended after SIGTERM."""

    service: str
    status: int | None
    """The exit status, -n for signal n; None when the service was killed at its deadline."""
    seconds: float


@dataclass(frozen=True, slots=True)
class System:
    """The processes that run, by the name of their component."""

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
            # Saved at once: when the next one does not start, this one must be found and stopped.
            self.processes[name] = starting[-1].process
            state.save(layout, self.blueprint.ports, self.processes.values())
        for one in starting:
            while not await asyncio.to_thread(startup.is_ready, one):  # noqa: ASYNC110 - another process sends no event
                await asyncio.sleep(POLL_SECONDS)

    async def start_all(self) -> None:
        """Start everything, servers before services."""
        specs = self.blueprint.specs
        servers = [name for name, spec in specs.items() if name not in SERVICES and not spec.after]
        dependents = [name for name, spec in specs.items() if name not in SERVICES and spec.after]
        for group in (servers, dependents, SERVICES):
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
        await self.kill(name)  # also its children
        return Exit(name, status, round(seconds, 2))


@asynccontextmanager
async def running(blueprint: Blueprint, progress: Progress) -> AsyncIterator[System]:
    """Start a system, proxies first, and leave no process behind.

    Raises:
        StackError: Something does not start.
    """
    system, proxies = System(blueprint, progress), blueprint.proxies.values()
    try:
        for proxy in proxies:
            await proxy.open()
        await system.start_all()
        yield system
    finally:
        with uninterrupted():
            processes.stop_all(system.processes.values(), kill=True)
            state.forget(blueprint.layout)
        for proxy in proxies:
            await proxy.cut()


def first_error(error: BaseException) -> BaseException:
    """Return the first error of a task group that the user can act on, or else just the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    ours, others = error.split(StackError)
    return first_error((ours or others or error).exceptions[0])
