"""The pages for people: the list of traces and the waterfall."""

import re

from hypothesis import given
from hypothesis import strategies as st

from stack.backends.traces.query_app import query_app
from stack.backends.traces.store import TraceStore
from stack.backends.traces.text import duration_text, time_text
from stack.backends.traces.tree import rows
from tests.unit.backend_client import Client
from tests.unit.trace_samples import NOON, SECOND, make_request, make_span, store_of, trace_id

HOSTILE = '<script>alert("x")</script>'


async def page_of(store: TraceStore, path: str, **query: str) -> str:
    """Return a page that must be there, safe, and free of scripts."""
    answer = await Client(query_app(store)).get(path, **query)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.body.decode().lower()
    return answer.body.decode()


async def a_store() -> TraceStore:
    """Return a store with a failed trace of two services and a quick one."""
    root = make_span(1, "POST /v1/orders", kind=2, span_id=b"rootspan", duration=SECOND)
    child = make_span(1, "charge payment", status=2, parent=b"rootspan", attributes={"attempt": 3})
    quick = make_span(2, "GET /health", duration=1_500, attributes={"correlation_id": "abc"})
    return await store_of(make_request(root), make_request(child, service="worker"), make_request(quick))


async def test_the_list_shows_what_matters_and_links_to_the_trace() -> None:
    """Service, operation, duration, spans, errors, newest first."""
    text = await page_of(await a_store(), "/")
    assert text.index("GET /health") < text.index("POST /v1/orders")
    assert f'<a href="/trace/{trace_id(1).hex()}">POST /v1/orders</a>' in text
    for shown in ("api, worker", "1 failed", "1.0 s", "1.5 µs", "2026-01-31 12:00:00.000"):
        assert shown in text


async def test_the_list_can_be_searched_as_in_jaegers_ui() -> None:
    """Links made for Jaeger's search page find the same here; people may type key=value."""
    store = await a_store()
    for query in ({"tags": '{"correlation_id":"abc"}'}, {"tags": "correlation_id=abc", "service": "api"}):
        text = await page_of(store, "/search", **query)
        assert "GET /health" in text
        assert "POST /v1/orders" not in text
    assert "No traces" in await page_of(store, "/search", minDuration="1h")
    assert (await Client(query_app(store)).get("/search", tags="word")).status == 400


async def test_the_waterfall_shows_every_span_with_its_details() -> None:
    """Names, services, durations, attributes and errors are all there."""
    text = await page_of(await a_store(), f"/trace/{trace_id(1).hex()}")
    for shown in ("POST /v1/orders", "charge payment", "worker", "attempt", "error", "1.0 s"):
        assert shown in text
    assert len(re.findall('class="bar"', text)) == 2


async def test_unknown_and_malformed_ids_are_explained() -> None:
    """A page, not a stack trace."""
    client = Client(query_app(await store_of()))
    assert (await client.get(f"/trace/{'f' * 32}")).status == 404
    assert (await client.get("/trace/xyz")).status == 400


async def test_hostile_names_are_escaped() -> None:
    """Names, values and services that are HTML stay text."""
    span = make_span(1, HOSTILE, attributes={HOSTILE: HOSTILE})
    span.status.message = HOSTILE
    store = await store_of(make_request(span, service=HOSTILE))
    for path in ("/", f"/trace/{trace_id(1).hex()}"):
        assert "&lt;script&gt;" in await page_of(store, path)
    await page_of(store, "/search", tags=f"{HOSTILE}=1", service=HOSTILE)


async def order_of(*links: tuple[str, str]) -> list[tuple[int, str]]:
    """Return depths and names of a waterfall; each link is a span's name and its parent's."""
    spans = [
        make_span(
            1, name, start=NOON + number, span_id=name.encode().ljust(8), parent=parent.encode().ljust(8)
        )
        if parent
        else make_span(1, name, start=NOON + number, span_id=name.encode().ljust(8))
        for number, (name, parent) in enumerate(links)
    ]
    trace = (await store_of(make_request(*spans))).get(trace_id(1))
    assert trace is not None
    return [(row.depth, row.span.name) for row in rows(trace)]


async def test_children_follow_their_parent_by_start() -> None:
    """A tree, depth first."""
    links = [("root", ""), ("a", "root"), ("b", "root"), ("a1", "a")]
    assert await order_of(*links) == [(0, "root"), (1, "a"), (2, "a1"), (1, "b")]


async def test_orphans_and_circles_are_shown_too() -> None:
    """A parent that never came, a span that is its own parent and two that are each other's: all once."""
    links = [("orphan", "gone"), ("self", "self"), ("x", "y"), ("y", "x")]
    assert await order_of(*links) == [(0, "orphan"), (0, "self"), (0, "x"), (1, "y")]


async def test_a_chain_of_a_thousand_spans_is_no_problem() -> None:
    """Depth is bounded by nothing but the number of spans."""
    names = [f"s{number}" for number in range(1_500)]
    chain = await order_of(*zip(names, ["", *names], strict=False))
    assert chain[-1] == (1_499, "s1499")


@given(st.integers(-(2**64), 2**64))
def test_any_duration_and_time_has_a_text(nanoseconds: int) -> None:
    """Clocks may say what they want."""
    assert duration_text(nanoseconds)
    assert time_text(abs(nanoseconds))


def test_durations_read_well() -> None:
    """A unit that suits, and no false precision."""
    texts = [duration_text(number) for number in (0, 999, 1_500, 99_900_000, 999_900_000, 12_345_000_000)]
    assert texts == ["0 ns", "999 ns", "1.5 µs", "99.9 ms", "1000 ms", "12.3 s"]
