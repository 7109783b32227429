"""When an export is tried again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.otlp.retry import backoff, retry_after

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempt", "longest"), [(0, 0.25), (1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 5.0), (1000, 5.0)]
)
def test_pauses_double_up_to_a_bound_and_are_jittered(attempt: int, longest: float) -> None:
    """Every pause lies between half and the whole of its step, and no two clients wait the same."""
    pauses = {backoff(attempt) for _ in range(50)}
    assert all(longest / 2 <= pause <= longest for pause in pauses)
    assert len(pauses) > 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("0", 0),
        ("7", 7),
        (" 120 ", 120),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float) -> None:
    """What is neither, or lies in the past, asks for no wait."""
    assert retry_after(header, NOW) == seconds


@given(st.text())
def test_any_retry_after_is_survived(header: str) -> None:
    """Servers write what they like."""
    assert retry_after(header) >= 0


@given(st.from_regex(r"Mon, \d{1,2} Nov \d{1,6} \d{2}:\d{2}:\d{2} [+-]\d{1,12}", fullmatch=True))
def test_any_date_is_survived(header: str) -> None:
    """Also dates that no calendar has."""
    assert retry_after(header) >= 0
