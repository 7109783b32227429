"""The URL that telemetry is posted to."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, and what to ask for there."""

    host: str
    port: int
    target: str  # path and query, as the request line has them
    secure: bool

    def __str__(self) -> str:
        """Return the URL without its query, which may hold a token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.target.partition('?')[0]}"


def parse_endpoint(url: str) -> Endpoint:
    """Return the parts of an http or https URL; a missing path means `/`, as OTLP's configuration has it.

    Raises:
        ValueError: It is no such URL. The message does not repeat the URL, which may hold a secret.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("a URL has printable ASCII characters only, and no blanks")
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("expected a URL like http://host:4318/v1/traces")
    if parts.username is not None:
        raise ValueError("credentials belong into a header, not into the URL")
    query = f"?{parts.query}" if parts.query else ""
    return Endpoint(
        host=parts.hostname,
        port=_port(parts) or _DEFAULT_PORTS[parts.scheme],
        target=(parts.path or "/") + query,
        secure=parts.scheme == "https",
    )


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        # The library's message repeats what stands there, which may be the end of a secret.
        raise ValueError("the port must be a number up to 65535") from None
