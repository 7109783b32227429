"""Times and durations for people to read."""

from datetime import UTC, datetime

_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))


def duration_text(nanoseconds: int) -> str:
    """Return a duration with a unit that suits it, such as ``12.3 ms``."""
    for size, unit in _UNITS:
        if abs(nanoseconds) >= size:
            return f"{nanoseconds / size:.{1 if abs(nanoseconds) < 100 * size else 0}f} {unit}"
    return f"{nanoseconds} ns"


def time_text(nanoseconds: int) -> str:
    """Return a point in time, nanoseconds since the epoch, as UTC with milliseconds."""
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{nanoseconds // 1_000_000 % 1000:03}"
