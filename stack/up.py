"""`up`: from nothing, or from what still runs, to a stack that is ready."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from stack import components, endpoints, install, processes, state
from stack.components import Plan
from stack.down import down
from stack.errors import StackError
from stack.layout import Layout, write_json
from stack.locking import interruptible, locked, uninterrupted
from stack.ports import Ports, reserved_ports
from stack.processes import Process, mark_prefix
from stack.progress import Progress
from stack.selection import select, stop_order
from stack.startup import start_all


def up(
    layout: Layout, progress: Progress, only: Iterable[str] | None = None, wanted: Ports | None = None
) -> None:
    """Start what does not run yet of the components (all, or `only` some), and wait until it is ready.

    A stack of which nothing runs gets the `wanted` ports (by default the customary ones) where they are free.

    Raises:
        StackError: Something is missing, does not start, or another command is at work. What this call had
            started is stopped again, also when it is interrupted.
    """
    names = select(only)
    with locked(layout), interruptible():
        before = _clean(layout, progress)
        running = before.running() if before else []
        missing = [name for name in names if name not in {process.name for process in running}]
        if before and not missing:
            progress.write(f"Already running, in {layout.run_dir}")
        install.ensure(missing, layout, progress)
        # Ports that are in use by our own processes must not be looked at again.
        if before:
            _start(Plan(layout, before.ports), missing, running, progress)
        else:
            with reserved_ports(wanted) as ports:
                _start(Plan(layout, ports), missing, running, progress)
    show_addresses(layout, progress)


@contextmanager
def serving(layout: Layout, progress: Progress) -> Iterator[bool]:
    """Start what does not run, and stop all of it after the block, unless a part ran before: yield whether.

    Raises:
        StackError: As `up`.
    """
    before = state.load(layout)
    ours = not (before and before.running())
    try:
        up(layout, progress)
        yield ours
    finally:
        if ours and state.load(layout):
            with uninterrupted():
                down(layout, progress)


def restart(layout: Layout, name: str, progress: Progress) -> Process:
    """Start one component again as it was, on the same ports; stop it first when it runs.

    Raises:
        StackError: It is not part of the stack that was started, or does not start.
    """
    with locked(layout), interruptible():
        current = state.load(layout)
        old = next((one for one in current.processes if one.name == name), None) if current else None
        if current is None or old is None:
            raise StackError(f"{name} is not part of what was started in {layout.run_dir}")
        processes.stop(old)
        others = [one for one in current.processes if one is not old]
        return _start(Plan(layout, current.ports), [name], others, progress)[-1]


def _start(plan: Plan, names: Sequence[str], running: Sequence[Process], progress: Progress) -> list[Process]:
    """Start components beside those that run, write down what runs then, and return it."""
    processes_now = list(running)

    def started(process: Process) -> None:
        processes_now.append(process)
        state.save(plan.layout, plan.ports, processes_now)

    try:
        specs = [components.spec(plan, name) for name in names]
        start_all(specs, plan.layout.run_dir, progress, started)
        write_json(plan.layout.endpoints, endpoints.endpoints(plan.ports))
    except BaseException:  # Ctrl-C as well: nothing half-started stays
        with uninterrupted():
            if len(processes_now) > len(running):
                progress.write("Stopping what was started")
            _undo(plan, names, running, processes_now[len(running) :])
        raise
    return processes_now


def _undo(plan: Plan, names: Sequence[str], running: Sequence[Process], started: Sequence[Process]) -> None:
    for group in stop_order(started):
        processes.stop_all(group)
    # An interrupt may have come between the start of a process and its being written down.
    processes.sweep([mark_prefix(plan.layout.run_dir, name) for name in names])
    if running:
        state.save(plan.layout, plan.ports, running)
    else:
        state.forget(plan.layout)


def _clean(layout: Layout, progress: Progress) -> state.State | None:
    """Return what runs; when all of it has ended without us, remove its traces."""
    before = state.load(layout)
    if before and before.running():
        return before
    if layout.state.exists():
        progress.write("What ran here has ended by itself (a crash, a reboot); starting anew")
    if before:
        processes.stop_all(before.processes)
    state.forget(layout)
    return None


def show_addresses(layout: Layout, progress: Progress) -> None:
    """Say what can be opened."""
    if current := state.load(layout):
        progress.write()
        for line in endpoints.table(layout, current.ports, [one.name for one in current.processes]):
            progress.write(f"  {line}")
