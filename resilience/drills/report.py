"""The results of drills, as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from resilience.drills.run import Result


def table(results: Sequence[Result]) -> Table:
    """Return the table: a row a drill."""
    view = Table(
        "drill", "alert", "fault to alert", "repair to resolved", "what was seen", box=None, pad_edge=False
    )
    for one in results:
        seen = f"[red]{one.failure}[/red]" if one.failure else f"{one.panel} {one.value:.4g}; {one.says}"
        view.add_row(one.name, one.alert, _seconds(one.to_alert), _seconds(one.to_resolved), seen)
    return view


def document(results: Sequence[Result], *, quick: bool) -> dict[str, Any]:
    """Return the report for programs; times in seconds."""
    return {
        "ok": not any(one.failure for one in results),
        "fast": quick,
        "drills": [asdict(one) for one in results],
    }


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f} s"
