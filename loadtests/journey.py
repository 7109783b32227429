"""The step and the address of a simulated user, and the ledger of the orders that were promised to it."""

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address
from urllib.parse import urlsplit

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, Tracer, set_span_in_context

from observability.propagation import record_failure

FIRST_ADDRESS = IPv4Address("127.1.0.1")
SETTLED = ("done", "failed")


@dataclass(slots=True, order=True)
class Journey:
    """One step of a user: one correlation id and, where spans can be exported, the root of a trace."""

    correlation_id: str = field(default_factory=lambda: f"load-{secrets.token_hex(16)}")
    span: Span = field(default=INVALID_SPAN, compare=False)
    failed: bool = field(default=False, compare=False)

    @property
    def trace_id(self) -> str:
        """The id of its trace; empty when there is none, or nobody keeps it."""
        context = self.span.get_span_context()
        return f"{context.trace_id:032x}" if context.trace_flags.sampled else ""

    @property
    def headers(self) -> dict[str, str]:
        """What each of its requests carries: the correlation id and, if there is a trace, its context."""
        headers = {"X-Correlation-ID": self.correlation_id}
        propagate.inject(headers, set_span_in_context(self.span, Context()))
        return headers

    def fail(self, reason: str) -> None:
        """Note that an answer was not as it must be."""
        self.failed = True
        record_failure(self.span, UnexpectedAnswerError(reason))


class UnexpectedAnswerError(Exception):
    """An answer of the api is not as it must be, or did not come."""


@contextmanager
def journey(tracer: Tracer, scenario: str) -> Iterator[Journey]:
    """Yield the journey that is made in the block; its span tells the scenario, and how it ended."""
    this = Journey()
    known = {"correlation_id": this.correlation_id, "loadtest.scenario": scenario}
    this.span, outcome = tracer.start_span(f"load: {scenario}", Context(), attributes=known), "interrupted"
    try:
        yield this
        outcome = "failed" if this.failed else "passed"
    finally:
        this.span.set_attribute("loadtest.outcome", outcome)
        this.span.end()


def source_address(host: str, number: int) -> str | None:
    """Return an address for a user to connect from; None where there is none to choose.

    The api limits requests by address, unless there is an API key. One machine would be one client; but all
    of 127.0.0.0/8 is this machine (RFC 1122, 3.2.1.3), so where the api has such an address, each user has
    another.
    """
    try:
        loopback = IPv4Address(urlsplit(host).hostname or "").is_loopback
    except ValueError:
        return None
    return str(FIRST_ADDRESS + number) if loopback else None


@dataclass(slots=True)
class Ledger:
    """Counts the orders that the api promised to settle, and remembers those that are not settled yet."""

    promised: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """The number of settled orders, by their last status."""
    open: dict[str, Journey] = field(default_factory=dict)
    """The orders that are not settled yet, by their ids."""

    def promise(self, order_id: str, journey: Journey) -> None:
        """Note an order that was answered with 202, once, however often it was sent."""
        if order_id not in self.open:
            self.promised += 1
            self.open[order_id] = journey

    def settle(self, order_id: str, status: str) -> None:
        """Note an order's status; the order is settled when the status is a last one."""
        if status in SETTLED and order_id in self.open:
            del self.open[order_id]
            self.ends[status] += 1


def settled_after(changes: Sequence[dict[str, str]]) -> float | None:
    """Return the ms from the first status to the last, by the services' clock; None without an end."""
    if not changes or changes[-1]["status"] not in SETTLED:
        return None
    first, last = (datetime.fromisoformat(changes[n]["at"]) for n in (0, -1))
    return (last - first).total_seconds() * 1000
