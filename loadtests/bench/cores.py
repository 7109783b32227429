"""Who runs where: what is measured has a core to itself, all the rest has the others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from stack.errors import StackError
from stack.procfs import PROC

NANOSECONDS = 1e9


def share_out() -> tuple[set[int], set[int]]:
    """Return the core for what is measured, and the cores for the rest.

    Raises:
        StackError: There is only one.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:  # noqa: PLR2004 - one for each
        raise StackError("the benchmark needs two cores: one for what is measured, another for the rest")
    return {cores[0]}, set(cores[1:])


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """Have what the block starts run on these cores: a process's threads begin where its parent's were."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process's threads have used, to the microsecond; 0 when it is gone."""
    total = 0
    try:
        for thread in (PROC / str(pid) / "task").iterdir():
            total += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
    except OSError:  # a thread that ended meanwhile, or all of them
        return total / NANOSECONDS
    return total / NANOSECONDS
