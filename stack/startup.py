"""Starting many components at once, and waiting until each is ready."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from stack import processes
from stack.errors import StackError
from stack.layout import Layout
from stack.processes import POLL_SECONDS, Process
from stack.progress import GREEN, Progress
from stack.spec import Spec

LOG_LINES = 15
LOG_BYTES = 16_384
REMIND_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Starting:
    """A component on its way."""

    spec: Spec
    process: Process
    log: Path
    log_offset: int
    """Where this start's output begins in it."""
    since: float


def begin(spec: Spec, run_dir: Path) -> Starting:
    """Start a component and remember what a failure message needs.

    Raises:
        StackError: It cannot be started.
    """
    log = Layout(run_dir).log(spec.name)
    offset = log.stat().st_size if log.exists() else 0
    return Starting(spec, processes.start(spec, run_dir), log, offset, time.monotonic())


def is_ready(starting: Starting) -> bool:
    """Look once whether a component is ready.

    Raises:
        StackError: It has ended, or its time is up; the message has the end of its log.
    """
    status = processes.exit_status(starting.process)
    seconds = time.monotonic() - starting.since
    if not processes.alive(starting.process):
        how = "" if status is None else f" with status {status}"
        raise StackError(_failure(starting, f"ended{how} after {seconds:.1f} s"))
    if starting.spec.ready():
        return True
    if seconds > starting.spec.start_timeout:
        raise StackError(_failure(starting, f"was not ready within {starting.spec.start_timeout:.0f} s"))
    return False


def start_all(
    specs: Iterable[Spec], run_dir: Path, progress: Progress, started: Callable[[Process], None]
) -> None:
    """Start every component as soon as what it needs is ready, and wait until all are.

    `started` is called with each process at once, so that an interrupt or a failure loses none.

    Raises:
        StackError: A component does not start, has ended, or is not ready in time.
    """
    waiting, starting, ready = list(specs), list[Starting](), set[str]()
    names, reminded = {spec.name for spec in waiting}, time.monotonic()
    while waiting or starting:
        for spec in [spec for spec in waiting if ready >= set(spec.after) & names]:
            waiting.remove(spec)
            starting.append(begin(spec, run_dir))
            started(starting[-1].process)
        for one in [one for one in starting if is_ready(one)]:
            starting.remove(one)
            ready.add(one.spec.name)
            progress.say(one.spec.name, f"ready {_details(one)}", GREEN)
        reminded = _remind(progress, [one.spec.name for one in starting], reminded)
        time.sleep(POLL_SECONDS)


def _remind(progress: Progress, names: list[str], last: float) -> float:
    if names:
        progress.transient(f"waiting for {', '.join(names)}")
    if not names or progress.terminal or time.monotonic() - last < REMIND_SECONDS:
        return last
    progress.say("", f"waiting for {', '.join(names)}")
    return time.monotonic()


def _details(one: Starting) -> str:
    return ", ".join([f"pid {one.process.pid}", *(f"{name} {port}" for name, port in one.spec.ports.items())])


def _failure(starting: Starting, what: str) -> str:
    return f"{starting.spec.name} {what}\n{tail(starting.log, starting.log_offset)}"


def tail(log: Path, offset: int = 0) -> str:
    """Return where a log is and how it ends, not further back than `offset` bytes from its start."""
    with log.open("rb") as file:
        file.seek(max(offset, log.stat().st_size - LOG_BYTES))
        lines = file.read().decode(errors="replace").splitlines()[-LOG_LINES:]
    ending = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
    return f"Its log is {log}; it ends with:\n{ending}"
