"""The correlation id: taken when it is well formed, made otherwise, and carried along."""

import asyncio
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from observability.propagation import accept, context_headers, correlated, correlation_id, current_ids
from tests.unit.recorder import Recorder, span_id, trace_id

pytestmark = pytest.mark.usefixtures("provider")


WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@given(st.lists(st.none() | st.text() | st.from_regex(WELL_FORMED, fullmatch=True), max_size=3))
@example(["a\n"])
@example(["a" * 129])
@example(["-a"])
@example(["٣"])
def test_nothing_ill_formed_is_ever_accepted(candidates: list[str | None]) -> None:
    """The first well-formed candidate is taken as it is, and a new id is well formed, too."""
    good = [candidate for candidate in candidates if candidate and WELL_FORMED.fullmatch(candidate)]
    accepted = accept(*candidates)
    assert WELL_FORMED.fullmatch(accepted)
    assert accepted == good[0] if good else accepted not in candidates


def test_new_ids_differ() -> None:
    """Two requests without an id are told apart."""
    assert len({accept() for _ in range(100)}) == 100


async def test_an_id_holds_inside_its_block_and_in_what_was_begun_there() -> None:
    """Tasks inherit it; blocks may be nested; afterwards it is gone."""

    async def seen() -> str | None:
        await asyncio.sleep(0)
        return correlation_id()

    with correlated("outer"):
        task = asyncio.create_task(seen())
        with correlated("inner"):
            assert await seen() == "inner"
        assert correlation_id() == "outer"
    assert correlation_id() is None
    assert await task == "outer"


def test_an_id_is_gone_after_an_error() -> None:
    """The next request must not inherit it."""
    with pytest.raises(ZeroDivisionError), correlated("x"):
        raise ZeroDivisionError
    assert correlation_id() is None


def test_work_takes_its_context_along() -> None:
    """What goes into an outbox: the correlation id and the W3C trace context."""
    recorder = Recorder()
    with correlated("checkout-42"), recorder.within():
        headers, ids = context_headers(), current_ids()
    span = recorder.span()
    assert headers["correlation_id"] == "checkout-42"
    assert headers["traceparent"].startswith(f"00-{trace_id(span)}-{span_id(span)}-")
    assert ids == {"correlation_id": "checkout-42", "trace_id": trace_id(span)}


def test_without_a_trace_there_is_still_an_id() -> None:
    """What happens outside of everything gets an id of its own."""
    assert set(context_headers()) == set(current_ids()) == {"correlation_id"}
