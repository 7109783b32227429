"""Identifiers of RFC 9562, version 7."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from services.common.ids import first_uuid7, uuid7
from services.common.messaging.messages import now_ms

MILLISECONDS = st.integers(0, 2**48 - 1)


@given(MILLISECONDS)
def test_ids_are_version_7(milliseconds: int) -> None:
    """Version, variant and time stand where section 5.7 has them, in canonical form."""
    for text in (uuid7(milliseconds), first_uuid7(milliseconds)):
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, text)
        assert parsed.int >> 80 == milliseconds


@given(MILLISECONDS, MILLISECONDS)
def test_ids_sort_by_time(one: int, other: int) -> None:
    """As texts they compare as their milliseconds do."""
    if one != other:
        assert (uuid7(one) < uuid7(other)) == (one < other)


@given(MILLISECONDS)
def test_no_id_is_below_the_first_of_its_millisecond(milliseconds: int) -> None:
    """The bound that ages are compared by cuts between milliseconds."""
    assert first_uuid7(milliseconds) <= uuid7(milliseconds)
    if milliseconds:
        assert uuid7(milliseconds - 1) < first_uuid7(milliseconds)


def test_ids_are_of_now_and_never_the_same() -> None:
    """Without a time they take the clock's, and 74 random bits."""
    before = now_ms()
    ids = {uuid7() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(before <= uuid.UUID(text).int >> 80 <= now_ms() for text in ids)
