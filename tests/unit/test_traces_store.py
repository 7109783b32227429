"""What the store keeps, and what it lets go."""

import tracemalloc

from stack.backends.traces.store import Limits, Operation, TraceStore
from tests.unit.trace_samples import make_request, make_span, send, store_of, trace_id


def kept(store: TraceStore) -> list[int]:
    """Return the numbers of the traces that are kept, newest first."""
    return [int.from_bytes(trace.trace_id) for trace in store.newest_first()]


async def test_a_trace_is_merged_from_the_pieces_of_three_services() -> None:
    """Spans that come in separate requests, in any order, make up one trace."""
    store = await store_of(
        make_request(make_span(1, "settle"), service="worker"),
        make_request(make_span(1, "notify"), service="notifier"),
        make_request(make_span(1, "accept"), make_span(2, "accept"), service="api"),
        make_request(make_span(1, "publish"), service="worker"),
    )
    trace = store.get(trace_id(1))
    assert trace is not None
    assert sorted((origin.service, span.name) for origin, span in trace.all_spans()) == [
        ("api", "accept"),
        ("notifier", "notify"),
        ("worker", "publish"),
        ("worker", "settle"),
    ]
    assert len(trace.spans) == 3


async def test_a_span_that_is_sent_twice_is_kept_once() -> None:
    """An exporter that retries a batch doubles nothing, and is not told that anything was rejected."""
    request = make_request(make_span(1), make_span(1))
    store = await store_of(request, limits=Limits(max_spans_per_trace=2))
    size = store.size
    assert await send(store, request) == 0
    assert (store.span_count, store.size) == (2, size)


async def test_the_oldest_trace_makes_room() -> None:
    """Past the number of traces the one goes whose first span came first, even when it is still growing."""
    store = await store_of(*(make_request(make_span(number)) for number in (1, 2, 3)), limits=Limits(3))
    await send(store, make_request(make_span(1)), make_request(make_span(4)))
    assert kept(store) == [4, 3, 2]
    assert store.get(trace_id(1)) is None


async def test_spans_are_bounded_in_all() -> None:
    """Past the number of spans whole traces go, oldest first."""
    limits = Limits(max_spans=5)
    store = await store_of(*(make_request(make_span(n), make_span(n)) for n in (1, 2, 3)), limits=limits)
    assert kept(store) == [3, 2]
    assert store.span_count == 4


async def test_a_trace_that_is_full_rejects_further_spans() -> None:
    """A runaway trace stops growing, keeps what it has, and costs no other trace its place."""
    limits = Limits(max_spans_per_trace=3)
    store = await store_of(make_request(make_span(1)), limits=limits)
    assert await send(store, make_request(*(make_span(2) for _ in range(10)))) == 7
    assert kept(store) == [2, 1]
    assert store.span_count == 4


async def test_memory_is_bounded() -> None:
    """Large spans evict others by their size; one that is too large for the store leaves it empty."""
    large = {"text": "x" * 40_000}
    limits = Limits(max_bytes=100_000)
    store = await store_of(*(make_request(make_span(n, attributes=large)) for n in (1, 2, 3)), limits=limits)
    assert kept(store) == [3, 2]
    assert store.size <= limits.max_bytes
    await send(store, make_request(make_span(4, attributes={"text": "x" * 120_000})))
    assert kept(store) == []
    assert (store.span_count, store.size) == (0, 0)


async def test_large_resources_count_too() -> None:
    """Memory cannot be filled through resources either."""
    limits = Limits(max_bytes=100_000)
    huge = {"text": "x" * 60_000}
    store = await store_of(*(make_request(make_span(n), resource=huge) for n in (1, 2)), limits=limits)
    assert kept(store) == [2]


async def test_the_estimate_of_memory_is_honest() -> None:
    """What the store says that it occupies is what it occupies, give or take a third."""
    attributes = {f"attribute.number.{number}": f"value {number}" for number in range(8)}
    requests = [
        make_request(*(make_span(n, attributes=attributes) for _ in range(4)), service=service)
        for n in range(1, 301)
        for service in ("api", "worker")
    ]
    tracemalloc.start()
    try:
        store = await store_of(*requests)
        occupied, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert store.span_count == 2_400
    assert 0.67 < store.size / occupied < 1.5


async def test_operations_are_those_of_the_spans_that_are_kept() -> None:
    """A service that is no longer seen, and an operation that it no longer does, disappear."""
    first = make_request(make_span(1, "old", kind=2), service="gone")
    second = make_request(make_span(2, "new", kind=5), make_span(2, "new", kind=5), service="here")
    store = await store_of(first, second, limits=Limits(max_traces=2))
    assert store.operations() == [Operation("gone", "old", 2), Operation("here", "new", 5)]
    await send(store, make_request(make_span(3, "new", kind=5), service="here"))
    assert store.operations() == [Operation("here", "new", 5)]
