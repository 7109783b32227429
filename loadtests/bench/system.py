"""The private system of a run: servers on one core, what is measured on another."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields

from loadtests.bench.cores import cpu_seconds, on_cores
from loadtests.bench.variants import Variant, specs
from stack import components, processes, procfs, startup, state
from stack.components import Plan
from stack.layout import Layout
from stack.locking import uninterrupted
from stack.ports import Ports, free_port, reserved_ports
from stack.processes import Process
from stack.progress import Progress
from stack.spec import Spec

SERVERS = ("epmd", "rabbitmq", "redis")
ANY_PORTS = Ports(**{field.name: 0 for field in fields(Ports)})
"""No customary ports: whatever runs on this machine is left alone."""


@dataclass(slots=True)
class System:
    """What runs."""

    layout: Layout
    ports: Ports
    progress: Progress
    running: dict[str, Process] = field(default_factory=dict)
    listeners: dict[str, list[int]] = field(default_factory=dict)
    """The HTTP ports of each variant."""
    names: dict[str, list[str]] = field(default_factory=dict)
    """The components of each variant."""

    def start_servers(self) -> None:
        """Start RabbitMQ and Redis.

        Raises:
            StackError: One does not start.
        """
        plan = Plan(self.layout, self.ports)
        self._start([components.spec(plan, name) for name in SERVERS])

    def start(self, variant: Variant, otlp: int, cores: set[int]) -> None:
        """Start the processes of a variant on these cores.

        Raises:
            StackError: One does not start.
        """
        listeners = [free_port() for _ in range(variant.processes)]
        parts = specs(variant, self.ports, listeners, otlp, self.layout.data(variant.title))
        self.listeners[variant.title] = listeners
        self.names[variant.title] = [spec.name for spec in parts]
        with on_cores(cores):
            self._start(parts)

    def _start(self, parts: list[Spec]) -> None:
        def started(process: Process) -> None:
            self.running[process.name] = process
            state.save(self.layout, self.ports, self.running.values())

        startup.start_all(parts, self.layout.run_dir, self.progress, started)

    def pids(self, variant: Variant) -> list[int]:
        """Return the processes of a variant."""
        return [self.running[name].pid for name in self.names[variant.title]]

    def cpu(self, variant: Variant) -> float:
        """Return the CPU time that a variant's processes have used, in seconds."""
        return sum(map(cpu_seconds, self.pids(variant)))

    def servers_cpu(self) -> float:
        """Return the CPU time of RabbitMQ and Redis, in seconds."""
        return sum(cpu_seconds(self.running[name].pid) for name in SERVERS)

    def memory(self) -> dict[str, float]:
        """Return what each process has in RAM, in MB."""
        return {
            name: round(procfs.resident_bytes(process.pid) / 1e6, 1) for name, process in self.running.items()
        }


@contextmanager
def system(layout: Layout, progress: Progress) -> Iterator[System]:
    """Yield a system whose servers run; leave no process behind.

    Raises:
        StackError: A server does not start.
    """
    with ExitStack() as claims:
        running = System(layout, claims.enter_context(reserved_ports(ANY_PORTS)), progress)
        try:
            running.start_servers()
            yield running
        finally:
            with uninterrupted():
                processes.stop_all(running.running.values(), kill=True)
                processes.sweep([processes.mark_prefix(layout.run_dir, name) for name in running.names])
                state.forget(layout)


def purge(layout: Layout) -> None:
    """End what an earlier run left behind, if it crashed, and delete its data and logs.

    Raises:
        StackError: A process cannot be ended.
    """
    if left := state.load(layout):
        processes.stop_all(left.processes, kill=True)
    state.forget(layout)
    for directory in (layout.run_dir / "data", layout.logs):
        shutil.rmtree(directory, ignore_errors=True)
