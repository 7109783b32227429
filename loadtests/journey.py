"""The ids and the network address of a simulated user."""

import secrets
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from urllib.parse import urlsplit

FIRST_ADDRESS = IPv4Address("127.1.0.1")


@dataclass(frozen=True, slots=True)
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
