"""A short run of `make chaos`: real processes are killed under load, and every order is accounted for."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resilience.chaos.report import LOSSES
from stack import processes

ORDERS = 300
SEED = 154
"""With it no order whose payment never succeeds is stolen: its 36 s of retries would begin again."""
FAULTS = {
    *("kill-worker", "kill-api", "kill-rabbitmq", "kill-redis", "cut-amqp", "cut-redis", "sigterm-worker"),
    *("duplicate-messages", "poison-messages", "steal-messages"),
}
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


def left_over(run_dir: Path) -> list[int]:
    """Return the processes of a run."""
    return processes.marked((f"{run_dir}|",))


def test_no_accepted_order_is_lost(run_dir: Path) -> None:
    """Whatever is killed, cut, doubled or poisoned: the ledger adds up, and nothing in it is wrong."""
    options = ("--orders", str(ORDERS), "--seed", str(SEED), "--faults", ",".join(sorted(FAULTS)))
    with chaos(run_dir, *options) as process:
        output, _ = process.communicate(timeout=230)
    assert process.returncode == 0, output
    ledger = json.loads((run_dir.parent / "chaos.json").read_text())
    assert ledger["accepted"] == ORDERS
    assert ledger["done"] + ledger["failed"] + ledger["dead"] == ORDERS
    assert min(ledger["done"], ledger["failed"], ledger["dead"]) > 0
    assert {name: ledger[name] for name in LOSSES} == dict.fromkeys(LOSSES, 0)
    assert {fault["name"] for fault in ledger["faults"]} == FAULTS
    assert ledger["refused"]
    assert {end["status"] for end in ledger["exits"]} == {0}
    assert re.search(r"^lost +0 ", output, re.MULTILINE)
    assert left_over(run_dir) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_broken_off_leaves_nothing_behind(run_dir: Path, number: signal.Signals) -> None:
    """Ctrl-C stops everything at once; what a killed harness leaves is ended by `python -m stack down`.

    No ledger pretends to be one.
    """
    with chaos(run_dir, "--orders", "2000", "--faults", "poison-messages") as process:
        assert any("api, worker, notifier: ready" in line for line in process.stdout or ())
        assert any(re.search("[1-9][0-9]* of 2000 accepted", line) for line in process.stdout or ())
        assert left_over(run_dir)
        began = time.monotonic()
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert time.monotonic() - began < 15
    if number == signal.SIGKILL:
        assert left_over(run_dir)
        stop(run_dir)
    assert left_over(run_dir) == []
    assert not (run_dir.parent / "chaos.json").exists()
