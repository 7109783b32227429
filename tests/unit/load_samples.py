"""Runs of the load test as they could have been."""

from pathlib import Path
from typing import Any

from loadtests.identity import Journey
from loadtests.options import parse
from loadtests.orders import PLAIN
from loadtests.run import Run
from loadtests.verdict import ORDER, Entry, Result

POST = Entry("POST", "/v1/orders", 900, 0, 4.0, 9.0, 15.0, 31.0)
SETTLED = Entry(ORDER, PLAIN, 900, 0, 90.0, 200.0, 310.0, 420.0)


def journey(number: int) -> Journey:
    """Return a journey whose ids tell its number."""
    return Journey(f"{number:032x}", f"{number:016x}")


def run(tmp_path: Path, **told: str) -> Run:
    """Return a run that is told these variables."""
    return Run(parse({"LOAD_RESULTS": str(tmp_path), "LOAD_RATE": "15", **told}))


def result(*entries: Entry, **changes: Any) -> Result:  # noqa: ANN401 - of any field
    """Return what a good run came to, but for these changes."""
    facts: dict[str, Any] = {"promised": 900, "settled": 900, "lost": (), "seconds": 60.0}
    return Result(entries or (POST, SETTLED), **{**facts, **changes})
