"""The names that Jaeger has for OTLP's span kinds and status codes."""

from typing import Final

KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
STATUSES: Final = ("unset", "ok", "error")
STATUS_OK: Final = 1
STATUS_ERROR: Final = 2


def kind_name(number: int) -> str:
    """Return a kind's name; an unspecified or unknown one counts as internal."""
    return (KINDS[number] if 0 <= number < len(KINDS) else "") or "internal"


def kind_number(name: str) -> int:
    """Return a kind's number; 0 (unspecified) for an unknown name."""
    return KINDS.index(name.lower()) if name.lower() in KINDS else 0


def status_number(name: str) -> int:
    """Return a status code's number; 0 (unset) for an unknown name."""
    return STATUSES.index(name.lower()) if name.lower() in STATUSES else 0
