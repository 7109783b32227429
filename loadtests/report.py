"""A run as a document for programs, and the verdict in lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from loadtests.run import Run
from loadtests.verdict import broken, orders_per_second, rate_held

ASKED = ("host", "shape", "users", "rate", "seconds", "p95_ms", "settled_p99_ms", "max_errors")
MAX_LOST, SHOWN_TRACES = 50, 3


def document(
    run: Run, entries: Sequence[Mapping[str, Any]], lost: Sequence[str], errors: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return everything that was found, as JSON takes it; durations in ms, times in s.

    Args:
        run: What was counted during the run.
        entries: Locust's statistics: `method`, `name`, `title`, `requests`, `failures`, `p50_ms` … `max_ms`.
        lost: Ids of the orders that were promised and not settled in time.
        errors: What failed, and how often.
    """
    options, ledger = run.options, run.ledger
    per_second = orders_per_second(options, ledger.promised, run.seconds)
    requests, failures = (sum(entry[name] for entry in entries) for name in ("requests", "failures"))
    found = {
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "asked": {name: getattr(options, name) for name in ASKED},
        "seconds": round(run.seconds, 1),
        "rate_held": rate_held(options, per_second),
        "orders": {
            "promised": ledger.promised,
            "settled": ledger.ends.total(),
            "lost": len(lost),
            "per_second": round(per_second, 1),
            **{status: ledger.ends[status] for status in ("done", "failed")},
        },
        "lost": [{"order": one, **run.references(ledger.open[one])} for one in lost[:MAX_LOST]],
        "requests": requests,
        "failures": failures,
        "error_rate": round(failures / requests, 5) if requests else 0.0,
        "entries": list(entries),
        "settled_windows": run.windows(),
        "errors": list(errors),
        "rate_limit": dict(run.limits),
        "slowest": run.slowest(),
    }
    complaints = broken(options, found)
    return {"ok": not complaints, "broken": complaints, **found}


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what Locust's tables lack: the slowest requests, the orders, and the verdict."""
    every = [(one["ms"], entry, one["trace"]) for entry, some in found["slowest"].items() for one in some]
    for milliseconds, entry, trace in sorted(every, reverse=True)[:SHOWN_TRACES]:
        yield f"slow: {milliseconds:.0f} ms {entry}: {trace}"
    orders = found["orders"]
    rate = f"{orders['per_second']} orders/s"
    yield f"{orders['promised']} orders promised, {orders['settled']} settled, {orders['lost']} lost; {rate}"
    if not found["rate_held"]:
        yield f"the rate was not held: {rate} instead of {found['asked']['rate']:g}"
    for note, count in sorted(found["rate_limit"].items()):
        yield f"rate limit: {note}: {count}"
    for complaint in found["broken"]:
        yield f"over its threshold: {complaint}"
    yield "load: ok" if found["ok"] else "load: failed"
