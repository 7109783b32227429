"""Who a simulated user is, and under which ids what it does can be found."""

import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

HOSTS = 254
NETWORKS = 254
MAX_ADDRESSES = HOSTS * 256 * NETWORKS


@dataclass(frozen=True, slots=True)
class Journey:
    """One visit of a user: one trace, one correlation id."""

    trace_id: str
    span_id: str

    @property
    def correlation_id(self) -> str:
        """What the journey is found under in logs and messages."""
        return f"load-{self.trace_id}"

    @property
    def headers(self) -> dict[str, str]:
        """What each of its requests carries: a sampled W3C trace context, and the correlation id."""
        traceparent = f"00-{self.trace_id}-{self.span_id}-01"
        return {"traceparent": traceparent, "X-Correlation-ID": self.correlation_id}


def new_journey() -> Journey:
    """Begin a trace; its root span is the user's own, which nobody exports."""
    return Journey(secrets.token_hex(16), secrets.token_hex(8))


def source_address(host: str, number: int) -> str | None:
    """Return an address of a user's own to come from; None where there is none to choose.

    The api counts requests by address, unless there is an API key. One machine would be one client; but all
    of 127.0.0.0/8 is this machine (RFC 1122, 3.2.1.3), so where the api is reached by it, each user has
    another.
    """
    try:
        address = ipaddress.IPv4Address(urlsplit(host).hostname or "")
    except ValueError:
        return None
    if not address.is_loopback:
        return None
    rest, last = divmod(number % MAX_ADDRESSES, HOSTS)
    return f"127.{1 + rest // 256}.{rest % 256}.{1 + last}"
