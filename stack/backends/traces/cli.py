"""The trace store's command line."""

from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass

from stack.backends.traces.store import Limits
from stack.backends.web.arguments import port, positive


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, and how much to keep."""

    host: str
    otlp_port: int
    query_port: int
    limits: Limits


def parse_settings(arguments: Sequence[str] | None = None) -> Settings:
    """Parse command-line arguments; a wrong one ends the process with a message and status 2."""
    parser = ArgumentParser(
        "python -m stack.backends.traces",
        description="A development trace store.",
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    kept = Limits()
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address of both ports")
    add("--otlp-port", type=port, default=4318, help="receives OTLP/HTTP; 0 takes a free one")
    add("--query-port", type=port, default=16686, help="Jaeger's API and pages; 0 takes a free one")
    add("--max-traces", type=positive, default=kept.max_traces, help="traces kept")
    add("--max-spans", type=positive, default=kept.max_spans, help="spans kept in all")
    add("--max-spans-per-trace", type=positive, default=kept.max_spans_per_trace, help="spans kept of one")
    add("--max-bytes", type=positive, default=kept.max_bytes, help="memory for spans, about")
    given = parser.parse_args(arguments)
    limits = Limits(given.max_traces, given.max_spans, given.max_spans_per_trace, given.max_bytes)
    return Settings(given.host, given.otlp_port, given.query_port, limits)
