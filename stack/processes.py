"""Starting a component, knowing it again, and ending it with all its children."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stack.errors import StackError
from stack.layout import PRIVATE, Layout, make_secret, write_atomically
from stack.spec import Spec

MARK = "ORDERSCOPE_COMPONENT"
LOAD = "load"
"""The name under which a load test marks its processes."""
POLL_SECONDS = 0.05
KILL_SECONDS = 5.0
# Erlang's helper processes end by themselves, a moment after the server.
GRACE_SECONDS = 0.5
CLOCK_SECONDS = 2.0
"""Start times are by the system's clock, which may have been corrected."""
MAX_LOG_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Process:
    """A component that was started. Its pid and start time (Unix) together name it for good."""

    name: str
    pid: int
    started: float
    mark: str
    """An environment variable that its children have from it, also those that left its session."""
    stop_timeout: float
    ports: dict[str, int] = field(default_factory=dict)


def start(spec: Spec, run_dir: Path) -> Process:
    """Start a component in a session of its own, its output going to `run_dir/logs/NAME.log`.

    Raises:
        StackError: It cannot be started.
    """
    mark = f"{mark_prefix(run_dir, spec.name)}{secrets.token_hex(4)}"
    try:
        spec.cwd.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        for path, text in spec.files.items():
            write_atomically(path, text)
        for path in spec.secrets:
            make_secret(path)
        popen = _spawn(spec, mark, Layout(run_dir).log(spec.name))
    except OSError as error:
        raise StackError(f"{spec.name}: cannot run {spec.command[0]}: {error}") from error
    popen.returncode = 0  # it is meant to outlive this object: no warning about that
    started = psutil.Process(popen.pid).create_time()  # also of a zombie
    return Process(spec.name, popen.pid, started, mark, spec.stop_timeout, dict(spec.ports))


def mark_prefix(run_dir: Path, name: str) -> str:
    """Return how the marks of all processes of a component begin, however often it was started."""
    return f"{run_dir}|{name}|"


def alive(process: Process) -> bool:
    """Whether this very process runs, and not another one that got its pid later."""
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.started) < CLOCK_SECONDS
        return same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in RAM; 0 when it is gone."""
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def marked(prefixes: Iterable[str]) -> list[int]:
    """Return the processes whose marks begin like one of these; those of other users are not seen."""
    wanted = tuple(prefixes)
    found = psutil.process_iter(["environ"])
    return [one.pid for one in found if (one.info["environ"] or {}).get(MARK, "").startswith(wanted)]


def exit_status(process: Process) -> int | None:
    """Return how a process ended, as `subprocess` does; None while it runs or when we did not start it."""
    with suppress(ChildProcessError):
        pid, status = os.waitpid(process.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None
    return None


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal, unless the process is gone."""
    if alive(process):
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def stop(process: Process, *, kill: bool = False) -> None:
    """End one component; see `stop_all`."""
    stop_all([process], kill=kill)


def stop_all(processes: Iterable[Process], *, kill: bool = False) -> list[str]:
    """End components at the same time: SIGTERM, after each one's deadline SIGKILL, and their children too.

    Returns the names of those that had to be killed. With `kill` none is asked first.

    Raises:
        StackError: A process survives SIGKILL (it hangs in the kernel).
    """
    asked = list(processes)
    running = [process for process in asked if alive(process)]
    for process in running:
        send(process, signal.SIGKILL if kill else signal.SIGTERM)
        send(process, signal.SIGCONT)  # one that is frozen could not end
    late = _wait_gone([(process, process.stop_timeout) for process in running])
    for process in late:
        send(process, signal.SIGKILL)
    left = _wait_gone([(process, KILL_SECONDS) for process in late])
    if left:
        raise StackError(f"cannot end {', '.join(f'{p.name} (pid {p.pid})' for p in left)}")
    # Redis overwrites its environment, so its children have no mark; but they stay in its session.
    sweep([process.mark for process in asked], [process.pid for process in running])
    return [process.name for process in late]


def sweep(marks: Iterable[str], sessions: Sequence[int] = ()) -> None:
    """End what is left of components that have ended: all whose mark begins like one of these.

    `sessions` are pids of processes that ran a moment ago: later these pids may be used again.

    Raises:
        StackError: A process survives SIGKILL.
    """
    prefixes = tuple(marks)
    begun = time.monotonic()
    while pids := {*marked(prefixes), *_in_sessions(sessions)}:
        if time.monotonic() > begun + GRACE_SECONDS:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if time.monotonic() > begun + GRACE_SECONDS + KILL_SECONDS:
            raise StackError(f"cannot end processes {pids}")
        time.sleep(POLL_SECONDS)


def _in_sessions(leaders: Collection[int]) -> list[int]:
    """Return the processes of sessions that were begun by processes with these pids."""
    found = list[int]()
    for one in psutil.process_iter(["status"]):
        with suppress(OSError):  # gone meanwhile, or another user's
            if os.getsid(one.pid) in leaders and one.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(one.pid)
    return found


def _wait_gone(deadlines: Sequence[tuple[Process, float]]) -> list[Process]:
    """Wait until each is gone or has had its seconds; return those that are still there."""
    begun = time.monotonic()
    left = list(deadlines)
    while left:
        for process, _ in left:
            exit_status(process)  # a child of ours stays a zombie until it is waited for
        left = [(process, seconds) for process, seconds in left if alive(process)]
        if all(time.monotonic() > begun + seconds for _, seconds in left):
            break
        time.sleep(POLL_SECONDS)
    return [process for process, _ in left]


def _spawn(spec: Spec, mark: str, log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - commands of our own specs
            spec.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=spec.cwd,
            env={**spec.environment, MARK: mark},
            start_new_session=True,
        )
