"""The shortest run of `make bench`: every variant takes its turn, and no order goes unseen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stack import procfs
from stack.processes import MARK


@pytest.mark.timeout(120)
def test_the_bench_measures_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Telemetry on and off and the bare references; what is written is what programs look for."""
    run_dir = tmp_path / "bench"
    options = ("--seconds", "0.2", "--rounds", "1", "--clients", "4", "--variants", "on,off,bare")
    command = [sys.executable, "-m", "loadtests.bench", "--run-dir", str(run_dir), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)  # noqa: S603 - ours
    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads((tmp_path / "bench.json").read_text())
    for kind in ("api", "worker"):
        assert figures[kind]["unseen"] == 0
        assert min(figures[kind][name] for name in ("on", "off", "bare")) > 10
        assert figures[kind]["telemetry_us"] is not None
        assert figures[kind]["outbox_lag_s"] < 5
        assert figures["memory_mb"][f"{kind}-on"] > 10
    assert procfs.with_variable(MARK, (f"{run_dir}|",)) == []
