"""Times and durations in Jaeger's parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.backends.traces.booleans import parse_bool
from stack.backends.traces.times import parse_duration, parse_rfc3339
from tests.unit.trace_samples import NOON


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31T12:00:00.5Z", NOON + 500_000_000),
        ("2026-01-31T12:00:00.123456789Z", NOON + 123_456_789),
        ("2026-01-31T12:00:00.1234567899Z", NOON + 123_456_789),
        ("2026-01-31T14:00:00+02:00", NOON),
        ("2026-01-31T06:30:00-05:30", NOON),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
    ],
)
def test_times_keep_their_nanoseconds(text: str, nanoseconds: int) -> None:
    """RFC 3339 with any offset and fraction gives the exact moment."""
    assert parse_rfc3339(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-31",
        "2026-01-31 12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31T25:00:00Z",
        "0000-01-01T00:00:00Z",
        "1769860800",
        "2026-01-31T12:00:00Z ",
        "\N{FULLWIDTH DIGIT TWO}026-01-31T12:00:00Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        ("1m30s", 90_000_000_000),
        ("2h", 7_200_000_000_000),
        ("3us", 3_000),
        ("3\N{MICRO SIGN}s", 3_000),
        ("3\N{GREEK SMALL LETTER MU}s", 3_000),
        ("7ns", 7),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("-1s", -1_000_000_000),
        ("+1s", 1_000_000_000),
        ("0.1ns", 0),
    ],
)
def test_durations_are_gos(text: str, nanoseconds: int) -> None:
    """Every form that Go's ParseDuration documents is understood."""
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "1", "s", "1x", "1 s", "1s2", "--1s", ".s", "1e3s", "300000000h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Neither numbers without a unit nor overflows pass."""
    with pytest.raises(ValueError, match=r".+"):
        parse_duration(text)


@given(st.text())
def test_any_text_parses_or_is_refused(text: str) -> None:
    """Nothing but a ValueError is raised for hostile text."""
    for parse in (parse_rfc3339, parse_duration, parse_bool):
        try:
            parse(text)
        except ValueError:
            continue


def test_truth_values_are_gos() -> None:
    """As strconv.ParseBool has them."""
    assert [parse_bool(text) for text in ("1", "t", "True", "0", "F", "false")] == [True] * 3 + [False] * 3
    with pytest.raises(ValueError, match="yes"):
        parse_bool("yes")
