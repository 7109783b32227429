"""When an export that failed is tried again: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_FIRST_PAUSE = 0.25  # seconds
_LONGEST_PAUSE = 5.0  # seconds
_JITTER = 0.5  # at most this share of a pause is left out, so that clients of one server don't return as one

RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})


def backoff(attempt: int) -> float:
    """Return the seconds to wait after this attempt, counted from 0: exponential, bounded, with jitter."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << min(attempt, 16)))
    return longest * random.uniform(1 - _JITTER, 1)  # noqa: S311  # spreads load, guards nothing


def retry_after(header: str | None, now: datetime | None = None) -> float:
    """Return the seconds that a Retry-After header asks for; 0 when it is absent or unreadable.

    It is a number of seconds or a date (RFC 9110, section 10.2.3). `now` is the time to count from.
    """
    if header is None:
        return 0.0
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    # A date without a zone is UTC, the only zone that HTTP dates have.
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
