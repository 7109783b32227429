"""A run as a document for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from loadtests.run import Run
from loadtests.verdict import Result, broken, orders_per_second, rate_held

MAX_LOST = 50


def document(run: Run, result: Result, errors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return everything that was found, as JSON takes it; durations in ms, times in s."""
    options, complaints = run.options, broken(run.options, result)
    return {
        "ok": not complaints,
        "broken": complaints,
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "asked": {
            "host": options.host,
            "shape": options.shape,
            "users": options.users,
            "rate": options.rate,
            "seconds": options.seconds,
            "p95_ms": options.p95_ms,
            "settled_p99_ms": options.settled_p99_ms,
            "max_errors": options.max_errors,
        },
        "seconds": round(result.seconds, 1),
        "rate_held": rate_held(options, result),
        "orders": {
            "promised": result.promised,
            "settled": result.settled,
            "lost": len(result.lost),
            "per_second": round(orders_per_second(options, result), 1),
            **{status: run.ledger.ends[status] for status in ("done", "failed")},
        },
        "lost": [_found_under(run, order_id) for order_id in result.lost[:MAX_LOST]],
        "requests": result.requests,
        "failures": result.failures,
        "error_rate": round(result.error_rate, 5),
        "entries": [{"title": entry.title, **asdict(entry)} for entry in result.entries],
        "settled_windows": run.settled.document(),
        "errors": list(errors),
        "rate_limit": dict(run.limits),
        "slowest": run.slowest.document(options.traces),
    }


def _found_under(run: Run, order_id: str) -> dict[str, str]:
    journey = run.ledger.open[order_id]
    ids = {"correlation_id": journey.correlation_id, "trace_id": journey.trace_id}
    return {"order": order_id, **ids, "trace": f"{run.options.traces}/trace/{journey.trace_id}"}
