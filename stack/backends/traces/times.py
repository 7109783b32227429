"""Points in time and durations as Jaeger's HTTP API takes them, in whole nanoseconds."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

_SECOND = 1_000_000_000
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DURATION = 2**63 - 1  # Go's time.Duration
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,40}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DURATION_PART = re.compile(r"(\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


def parse_rfc3339(text: str) -> int:
    """Return a point in time as nanoseconds since the epoch; digits past the ninth are dropped.

    Raises:
        ValueError: the text is not RFC 3339, or no such moment exists.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time such as 2026-01-31T12:00:00.5Z")
    seconds, fraction, zone = match.groups()
    moment = datetime.fromisoformat(seconds + zone)
    return (moment - _EPOCH) // timedelta(seconds=1) * _SECOND + int((fraction or "0").ljust(9, "0")[:9])


def parse_duration(text: str) -> int:
    """Return a Go duration such as ``1.5s`` or ``1m30s`` in nanoseconds (https://pkg.go.dev/time#ParseDuration).

    Raises:
        ValueError: the text is no Go duration, or longer than 292 years.
    """
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if digits == "0":
        return 0
    parts = list(_DURATION_PART.finditer(digits))
    if not parts or "".join(part.group() for part in parts) != digits:
        raise ValueError(f"{text!r} is not a duration such as 250ms or 1m30s")
    total = int(sum(Decimal(part[1]) * _UNITS[part[2]] for part in parts))
    if total > _MAX_DURATION:
        raise ValueError(f"{text!r} is too long")
    return sign * total
