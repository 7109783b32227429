"""Runs of the load test as they could have been."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from loadtests import report
from loadtests.journey import Journey
from loadtests.options import Options, add_options, parse
from loadtests.orders import SETTLED_ENTRY
from loadtests.run import ORDER, Run, title


def options(*arguments: str) -> Options:
    """Return the options of a command line."""
    parser = ArgumentParser()
    add_options(parser)
    return parse(parser.parse_args(arguments))


def journey(number: int) -> Journey:
    """Return a journey whose ids contain its number."""
    context = SpanContext(number, number, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return Journey(f"load-{number:032x}", NonRecordingSpan(context))


def run(tmp_path: Path, *arguments: str, promised: int = 900, seconds: float = 60.0) -> Run:
    """Return a run with these options that lasted so long, and whose orders were settled."""
    this = Run(options("--results", str(tmp_path), "--rate", "15", *arguments))
    this.ledger.promised, this.ended = promised, this.began + seconds
    this.ledger.ends.update(done=promised - 20, failed=20)
    return this


def entry(method: str, name: str, p95: float, p99: float, failures: int = 0) -> dict[str, Any]:
    """Return an entry of 900 requests."""
    percentiles = {"p50_ms": 4.0, "p95_ms": p95, "p99_ms": p99, "max_ms": 500.0}
    counts = {"requests": 900, "failures": failures}
    return {"title": title(method, name), "method": method, "name": name, **counts, **percentiles}


POST = entry("POST", "/v1/orders", 9.0, 15.0)
SETTLED = entry(ORDER, SETTLED_ENTRY, 200.0, 310.0)


def document(this: Run, *entries: dict[str, Any], **found: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the document of a good run, but for these entries, lost orders and errors."""
    return report.document(this, entries or (POST, SETTLED), **{"lost": (), "errors": (), **found})
