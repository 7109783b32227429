"""A run as a document for programs and in lines for people, and whether it kept its thresholds."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from loadtests.options import Options
from loadtests.orders import SETTLED_ENTRY
from loadtests.run import ORDER, Run

ASKED = ("host", "shape", "users", "rate", "seconds", "p95_ms", "settled_p99_ms", "max_errors")
MAX_LOST, SHOWN_TRACES = 50, 3
HELD = 0.9
"""The share of the requested rate at which it counts as held."""
STEADY = frozenset({"steady", "soak"})
"""The shapes with all users all the time, once they have come."""


def document(
    run: Run, entries: Sequence[Mapping[str, Any]], lost: Sequence[str], errors: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return everything that was found, as JSON takes it; durations in ms, times in s.

    `entries` are Locust's statistics, `lost` the ids of the orders that were not settled in time.
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
    complaints = list(_broken(options, found))
    return {"ok": not complaints, "broken": complaints, **found}


def _broken(options: Options, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what exceeds its threshold, and by how much."""
    entries, orders, requests = found["entries"], found["orders"], found["requests"]
    bounds = [("p95", one, options.p95_ms) for one in entries if one["method"] != ORDER]
    bounds += [("p99", one, options.settled_p99_ms) for one in entries if one["name"] == SETTLED_ENTRY]
    for name, entry, bound in bounds:
        if (value := entry[f"{name}_ms"]) > bound:
            yield f"{entry['title']}: {name} {value:g} ms is over {bound:g} ms by {value - bound:g} ms"
    rate = found["failures"] / requests if requests else 0.0
    if (over := rate - options.max_errors) > 0:
        share = f"{found['failures']} of {requests} ({rate:.2%})"
        yield f"errors: {share} are over {options.max_errors:.2%} by {over:.2%}"
    if orders["lost"]:
        yield f"lost: {orders['lost']} of {orders['promised']} promised orders"
    if not orders["promised"]:
        yield "no order was accepted"


def orders_per_second(options: Options, promised: int, seconds: float) -> float:
    """Return the orders that were accepted in a second.

    Where all users are to be there all the time, the time in which they come counts half: half of them are
    there on average. When not all came, it counts as any other.
    """
    came = options.spawn_seconds if options.shape in STEADY else 0.0
    counted = seconds - came / 2 if seconds > came else seconds
    return promised / counted if counted > 0 else 0.0


def rate_held(options: Options, per_second: float) -> bool:
    """Whether users placed as many orders as they were to; if not, the api or this machine was too slow."""
    return options.shape not in STEADY or per_second >= HELD * options.rate


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what Locust's tables lack: the slowest requests, the orders, and the verdict."""
    every = [
        (one["ms"], entry, one["trace"] or one["correlation_id"])
        for entry, some in found["slowest"].items()
        for one in some
    ]
    for milliseconds, entry, trace in sorted(every, reverse=True)[:SHOWN_TRACES]:
        yield f"slow: {milliseconds:.0f} ms {entry}: {trace}"
    orders = found["orders"]
    rate = f"{orders['per_second']} orders/s"
    yield f"{orders['promised']} orders promised, {orders['settled']} settled, {orders['lost']} lost; {rate}"
    if not found["rate_held"]:
        yield f"the rate was not held: {rate} instead of {found['asked']['rate']:g}"
    for note, count in sorted(found["rate_limit"].items()):
        yield f"rate limit: {note}" if note.startswith("not tried") else f"rate limit: {note}: {count}"
    yield from (f"over its threshold: {complaint}" for complaint in found["broken"])
    yield "load: ok" if found["ok"] else "load: failed"
