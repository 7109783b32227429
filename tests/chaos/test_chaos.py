"""A short run of `make chaos`: real processes are killed under load, and every order is accounted for."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stack import processes

ORDERS = 300
FAULTS = {
    "kill-worker",
    "kill-api",
    "kill-rabbitmq",
    "kill-redis",
    "cut-amqp",
    "cut-redis",
    "sigterm-worker",
    "duplicate-messages",
    "poison-messages",
    "steal-messages",
}
NOTHING_BUT_LOAD = ("--orders", "2000", "--faults", "poison-messages")
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Return where the system runs."""
    return tmp_path / "chaos"


@contextmanager
def chaos(run_dir: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command while the block runs; its output can be read. A failed test leaves nothing behind."""
    command = [sys.executable, "-m", "stack", "chaos", "--run-dir", str(run_dir), *options]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            stop(run_dir)
            raise
        finally:
            process.kill()


def stop(run_dir: Path) -> None:
    """Stop what a harness that was killed has left."""
    down = [sys.executable, "-m", "stack", "down", "--purge", "--run-dir", str(run_dir)]
    subprocess.run(down, check=True, capture_output=True, timeout=60)  # noqa: S603 - our own command


def until_it_says(process: subprocess.Popen[str], text: str) -> None:
    """Read the output until a line contains the text."""
    for line in process.stdout or ():
        if text in line:
            return
    raise AssertionError(f"it ended without saying {text!r}")


def left_over(run_dir: Path) -> list[int]:
    """Return the processes of a run."""
    return processes.marked((f"{run_dir}|",))


def test_no_accepted_order_is_lost(run_dir: Path) -> None:
    """Whatever is killed, cut, doubled or poisoned: the ledger adds up, and nothing in it is wrong."""
    options = ("--orders", str(ORDERS), "--seed", "2", "--faults", ",".join(sorted(FAULTS)))
    with chaos(run_dir, *options) as process:
        output, _ = process.communicate(timeout=230)
    assert process.returncode == 0, output
    ledger = json.loads((run_dir.parent / "chaos.json").read_text())
    assert ledger["accepted"] == ORDERS
    assert ledger["done"] + ledger["failed"] + ledger["dead"] == ORDERS
    assert min(ledger["done"], ledger["failed"], ledger["dead"]) > 0
    never = (
        "lost",
        "stuck",
        "double_charged",
        "emails_missing",
        "stock_wrong",
        "payments_wrong",
        "unanswered",
    )
    assert {name: ledger[name] for name in never} == dict.fromkeys(never, 0)
    assert {fault["name"] for fault in ledger["faults"]} == FAULTS
    assert ledger["refused"]
    assert {end["status"] for end in ledger["exits"]} == {0}
    assert re.search(r"^lost +0 ", output, re.MULTILINE)
    assert left_over(run_dir) == []


def test_ctrl_c_leaves_nothing_behind(run_dir: Path) -> None:
    """In the middle of the load everything is stopped at once, and no ledger pretends to be one."""
    with chaos(run_dir, *NOTHING_BUT_LOAD) as process:
        until_it_says(process, "accepted")
        assert left_over(run_dir)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 15
    assert left_over(run_dir) == []
    assert not (run_dir.parent / "chaos.json").exists()


def test_what_a_killed_harness_leaves_can_be_stopped(run_dir: Path) -> None:
    """`python -m stack down` ends it, as it ends every stack; nothing of it is worth an orderly end."""
    with chaos(run_dir, *NOTHING_BUT_LOAD) as process:
        until_it_says(process, "accepted")
        os.kill(process.pid, signal.SIGKILL)
    assert left_over(run_dir)
    stop(run_dir)
    assert left_over(run_dir) == []
