"""The shortest run of `make bench`: every variant takes its turn, and no order goes unseen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.bench.slices import READS
from stack import processes
from stack.layout import ROOT


@pytest.mark.timeout(180)
def test_the_bench_measures_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """It compares telemetry on and off, the bare programs and a checkout, which is this one here."""
    run_dir = tmp_path / "bench"
    options = (
        f"--seconds 0.2 --rounds 1 --clients 4 --variants on,off,bare --run-dir {run_dir} --against {ROOT}"
    )
    command = [sys.executable, "-m", "cli", "bench", *options.split()]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)  # noqa: S603 - ours
    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads((tmp_path / "bench.json").read_text())
    for kind in ("api", "worker"):
        assert figures[kind]["unseen"] == 0
        assert min(figures[kind][name] for name in ("on", "off", "bare")) > 0
        assert min(one["cpu_us"] for one in figures[kind]["variants"].values()) > 0
        assert figures[kind]["telemetry_us"] is not None
        assert figures[kind]["outbox_lag_s"] < 5
        assert figures["memory_mb"][f"{kind}-on"] > 10
    assert set(figures["against"]) == {"folder", "api", "worker", *READS}
    # One slice of 0.2 s says nothing of how fast anything is, only that it was measured on both sides.
    assert all(figures["against"][step]["ratio"] > 0 for step in ("api", "worker", *READS))
    assert processes.marked((str(run_dir),)) == []
