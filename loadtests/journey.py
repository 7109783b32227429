"""The ids and the address of a simulated user, and the ledger of the orders that were promised to it."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address
from urllib.parse import urlsplit

FIRST_ADDRESS = IPv4Address("127.1.0.1")
SETTLED = ("done", "failed")


@dataclass(frozen=True, slots=True, order=True)
class Journey:
    """One visit of a user: one trace, whose root span nobody exports, and one correlation id."""

    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def correlation_id(self) -> str:
        """The id in the log lines and messages that the journey causes."""
        return f"load-{self.trace_id}"

    @property
    def headers(self) -> dict[str, str]:
        """What each of its requests carries: a sampled W3C trace context, and the correlation id."""
        traceparent = f"00-{self.trace_id}-{self.span_id}-01"
        return {"traceparent": traceparent, "X-Correlation-ID": self.correlation_id}


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
