"""One command at a time for each run directory, and a way out of it."""

import fcntl
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

from stack.errors import StackError
from stack.layout import PRIVATE, Layout

ENDING = (signal.SIGTERM, signal.SIGHUP)
Handler = Callable[[int, FrameType | None], None] | signal.Handlers


@contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Hold the lock of a run directory; the kernel releases it when this process ends, however it ends.

    Raises:
        StackError: Another command holds it, or the folder cannot be written to.
    """
    try:
        layout.run_dir.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        file = layout.lock.open("a+", encoding="ascii")
    except OSError as error:
        raise StackError(f"cannot use {layout.run_dir}: {error}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip()
            raise StackError(f"another command is at work in {layout.run_dir} (pid {holder})") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def interruptible() -> AbstractContextManager[None]:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does: through every `finally`.

    What is ignored (by `nohup`, or while cleaning up) stays ignored.
    """
    caught = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    return _handled(caught, _interrupt)


def uninterrupted() -> AbstractContextManager[None]:
    """Finish cleaning up, whatever signals arrive; what is done meanwhile has deadlines of its own."""
    return _handled((signal.SIGINT, *ENDING), signal.SIG_IGN)


@contextmanager
def _handled(numbers: Iterable[signal.Signals], handler: Handler) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job
        raise KeyboardInterrupt(signal.Signals(number).name)
    signal.raise_signal(signal.SIGINT)  # for which asyncio has a way out of its own
