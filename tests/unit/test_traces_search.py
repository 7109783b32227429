"""Which traces a search finds, by the rules of Jaeger's memory store."""

import asyncio

import orjson
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from stack.backends.traces.query_app import query_app
from stack.backends.traces.search import TraceQuery, find_traces
from stack.backends.traces.store import TraceStore
from tests.unit.backend_client import Client
from tests.unit.trace_samples import NOON, SECOND, key_values, make_request, make_span, store_of

EVER = {"query.startTimeMin": "2000-01-01T00:00:00Z", "query.startTimeMax": "2100-01-01T00:00:00Z"}


async def found(store: TraceStore, **query: str) -> list[int]:
    """Return the numbers of the traces that a search finds, in order; ``service`` means ``query.service``."""
    named = EVER | {f"query.{name}": value for name, value in query.items()}
    answer = await Client(query_app(store)).send("GET", "/api/v3/trace-summaries", query=named)
    assert answer.status == 200
    return [int(summary["traceId"], 16) for summary in answer.json()["summaries"]]


def attributes(**values: str) -> str:
    """Return the value of ``query.attributes``; ``__`` stands for a dot."""
    return orjson.dumps({name.replace("__", "."): value for name, value in values.items()}).decode()


async def test_the_newest_come_first_up_to_the_depth() -> None:
    """The order is that of arrival, whatever the spans' times; the default depth is 100."""
    store = await store_of(*(make_request(make_span(n, start=NOON - n)) for n in range(1, 121)))
    assert await found(store, searchDepth="3") == [120, 119, 118]
    assert await found(store) == list(range(120, 20, -1))
    assert await found(store, searchDepth="0") == await found(store)
    assert await found(store, search_depth="2") == [120, 119]
    assert len(await found(store, num_traces="4000000000")) == 120


async def test_service_and_operation_must_be_those_of_one_span() -> None:
    """A trace in which one service does what another one is asked for is not found."""
    store = await store_of(
        make_request(make_span(1, "accept")), make_request(make_span(1, "settle"), service="worker")
    )
    assert await found(store, serviceName="worker", operationName="settle") == [1]
    assert await found(store, serviceName="api", operationName="settle") == []
    assert await found(store, operationName="settle") == [1]
    assert await found(store, serviceName="Worker") == []


async def test_the_time_range_includes_its_bounds_to_the_nanosecond() -> None:
    """The start of a span decides, exactly."""
    store = await store_of(make_request(make_span(1, start=NOON + 1)))
    for first, last, expected in ((1, 5, [1]), (2, 5, []), (0, 1, [1])):
        window = {"startTimeMin": f"2026-01-31T12:00:00.00000000{first}Z"}
        window |= {"startTimeMax": f"2026-01-31T12:00:00.00000000{last}Z"}
        assert await found(store, **window) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"durationMin": "1s"}, [3, 2]),
        ({"durationMax": "1s"}, [2, 1]),
        ({"durationMin": "500ms", "durationMax": "1.5s"}, [2]),
        ({"durationMin": "4s"}, []),
        ({"durationMin": "0", "durationMax": "0s"}, [3, 2, 1]),
    ],
)
async def test_durations_are_those_of_spans(query: dict[str, str], expected: list[int]) -> None:
    """Bounds are inclusive; 0 is none."""
    lengths = (SECOND // 10, SECOND, 3 * SECOND)
    store = await store_of(*(make_request(make_span(n, duration=d)) for n, d in enumerate(lengths, 1)))
    assert await found(store, **query) == expected


async def test_attributes_of_span_and_resource_are_compared_as_text() -> None:
    """Numbers and truth values match by how they read; all attributes must be those of one span."""
    first = make_span(
        1, attributes={"correlation_id": "abc", "attempt": 2, "redelivered": False, "cost": 0.5}
    )
    second = make_span(1, attributes={"other": "yes"})
    store = await store_of(make_request(first, second, resource={"service.version": "1.2.3"}))
    for wanted in (
        {"correlation_id": "abc"},
        {"attempt": "2", "redelivered": "false", "cost": "0.5"},
        {"correlation_id": "abc", "service__version": "1.2.3"},
        {"resource__service__version": "1.2.3", "resource__service__name": "api"},
    ):
        assert await found(store, attributes=attributes(**wanted)) == [1]
    for unwanted in (
        {"correlation_id": "ab"},
        {"correlation_id": "abc", "other": "yes"},
        {"resource__correlation_id": "abc"},
        {"abc": "correlation_id"},
        {"attempt": "2.0"},
    ):
        assert await found(store, attributes=attributes(**unwanted)) == []


async def test_attributes_of_events_links_and_scope_are_searched() -> None:
    """Whatever hangs on a span can find it."""
    span = make_span(1)
    span.events.append(Span.Event(name="exception", attributes=key_values({"exception.type": "Timeout"})))
    span.links.append(Span.Link(attributes=key_values({"link.reason": "retry"})))
    request = make_request(span)
    request.resource_spans[0].scope_spans[0].scope.attributes.extend(key_values({"flavour": "plain"}))
    store = await store_of(request)
    for wanted in ({"exception__type": "Timeout"}, {"link__reason": "retry"}, {"flavour": "plain"}):
        assert await found(store, attributes=attributes(**wanted)) == [1]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"error": "true"}, [3]),
        ({"error": "false"}, [2]),
        ({"error": "perhaps"}, []),
        ({"span__status": "error"}, [3]),
        ({"span__status": "UNSET"}, [1]),
        ({"span__kind": "server"}, [2]),
        ({"scope__name": "tests", "error": "1"}, [3]),
        ({"scope__name": "others"}, []),
        ({"scope__version": ""}, [3, 2, 1]),
    ],
)
async def test_some_keys_are_fields(wanted: dict[str, str], expected: list[int]) -> None:
    """Status, kind and scope are found by Jaeger's names for them."""
    spans = [make_span(1), make_span(2, status=1, kind=2), make_span(3, status=2, kind=5)]
    store = await store_of(*(make_request(span) for span in spans))
    assert await found(store, attributes=attributes(**wanted)) == expected


async def test_a_long_search_lets_others_run() -> None:
    """The event loop turns many times while thousands of traces are searched."""
    store = await store_of(make_request(*(make_span(number) for number in range(1, 5_001))))
    query = TraceQuery(start_min=0, start_max=2**63, attributes={"tests": "?"}, depth=100)
    search = asyncio.ensure_future(find_traces(store, query))
    turns = 0
    while not search.done():
        await asyncio.sleep(0)
        turns += 1
    assert search.result() == []
    assert turns >= 20
