"""`down`: stops everything that was started, services first, and leaves no process behind."""

import shutil

from stack import processes, state
from stack.layout import Layout
from stack.locking import interruptible, locked
from stack.processes import LOAD, mark_prefix
from stack.progress import GREEN, YELLOW, Progress
from stack.selection import stop_order


def down(layout: Layout, progress: Progress, *, purge: bool = False) -> None:
    """Stop the stack, and a load test that was left behind; data and logs stay, unless `purge`.

    Raises:
        StackError: Another command is at work, or a process cannot be ended.
    """
    if not layout.run_dir.exists():  # a load test of another address makes one only at its end
        _stop_load(layout, progress)
        progress.write(f"Nothing runs in {layout.run_dir}")
        return
    with locked(layout), interruptible():
        _stop_load(layout, progress)
        current = state.load(layout)
        if current is None:
            progress.write(f"Nothing runs in {layout.run_dir}")
        else:
            # What is about to be deleted need not be saved first.
            _stop(current, progress, kill=purge)
        state.forget(layout)
        if purge:
            shutil.rmtree(layout.run_dir / "data", ignore_errors=True)
            shutil.rmtree(layout.logs, ignore_errors=True)
            progress.write("Data and logs are deleted")


def _stop_load(layout: Layout, progress: Progress) -> None:
    marks = (mark_prefix(layout.run_dir, LOAD),)
    if processes.marked(marks):
        processes.sweep(marks)
        progress.say("load", "stopped", GREEN)


def _stop(current: state.State, progress: Progress, *, kill: bool) -> None:
    for group in stop_order(current.processes):
        running = [process.name for process in group if processes.alive(process)]
        if running:
            progress.transient(f"stopping {', '.join(running)}")
        killed = processes.stop_all(group, kill=kill)
        for name in running:
            late = name in killed
            progress.say(
                name, "killed: it did not end in time" if late else "stopped", YELLOW if late else GREEN
            )
