"""Jaeger's API v3: paths, shapes and errors."""

import pytest

from stack.backends.traces.query_app import query_app
from stack.backends.traces.store import TraceStore
from tests.unit.backend_client import Answer, Client
from tests.unit.trace_samples import NOON, SECOND, make_request, make_span, store_of, trace_id

HEX_ID = trace_id(1).hex()
WINDOW = {"query.startTimeMin": "2026-01-31T00:00:00Z", "query.startTimeMax": "2026-02-01T00:00:00Z"}
OLD_WINDOW = {"query.start_time_min": "2026-01-31T00:00:00Z", "query.start_time_max": "2026-02-01T00:00:00Z"}


async def two_services() -> TraceStore:
    """Return a store with a trace of two services and a trace of one of them."""
    root = make_span(1, "POST /v1/orders", kind=2, span_id=b"rootspan")
    child = make_span(1, "process", kind=5, status=2, parent=b"rootspan", start=NOON + SECOND)
    return await store_of(
        make_request(root, make_span(2, "GET /ready", kind=2)), make_request(child, service="worker")
    )


async def ask(path: str, **query: str) -> Answer:
    """Ask a store with two traces."""
    return await Client(query_app(await two_services())).send("GET", f"/api/v3/{path}", query=query)


def error(answer: Answer) -> tuple[int, str]:
    """Return the message of an error, whose body must repeat its status."""
    body = answer.json()["error"]
    assert body["httpCode"] == answer.status
    return answer.status, body["message"]


async def test_services_are_listed() -> None:
    """Each service once, sorted."""
    assert (await ask("services")).json() == {"services": ["api", "worker"]}
    empty = await Client(query_app(await store_of())).get("/api/v3/services")
    assert empty.json() == {"services": []}


@pytest.mark.parametrize("parameter", ["spanKind", "span_kind"])
async def test_operations_are_listed_by_service_and_kind(parameter: str) -> None:
    """The operations of one service with the names of their kinds."""
    server = {"name": "POST /v1/orders", "spanKind": "server"}
    other = {"name": "GET /ready", "spanKind": "server"}
    assert (await ask("operations", service="api")).json() == {"operations": [other, server]}
    consumer = [{"name": "process", "spanKind": "consumer"}]
    found = await ask("operations", service="worker", **{parameter: "consumer"})
    assert found.json() == {"operations": consumer}
    assert (await ask("operations", service="worker", **{parameter: "client"})).json() == {"operations": []}


async def test_a_trace_is_otlp_json_under_result() -> None:
    """The whole answer, field by field."""
    answer = await ask(f"traces/{HEX_ID}")
    assert answer.headers["content-type"] == "application/json"
    api, worker = answer.json()["result"]["resourceSpans"]
    root = {
        "traceId": HEX_ID,
        "spanId": b"rootspan".hex(),
        "name": "POST /v1/orders",
        "kind": 2,
        "startTimeUnixNano": str(NOON),
        "endTimeUnixNano": str(NOON + SECOND),
        "status": {},
    }
    assert api == {
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "api"}}]},
        "scopeSpans": [{"scope": {"name": "tests"}, "spans": [root]}],
    }
    [span] = worker["scopeSpans"][0]["spans"]
    assert (span["kind"], span["status"], span["parentSpanId"]) == (5, {"code": 2}, b"rootspan".hex())


@pytest.mark.parametrize("text", ["1", HEX_ID, HEX_ID.upper(), HEX_ID[16:]])
async def test_trace_ids_may_be_short_or_in_capitals(text: str) -> None:
    """64-bit ids and capitals are understood as Jaeger does."""
    assert (await ask(f"traces/{text}")).status == 200


async def test_an_unknown_trace_is_404() -> None:
    """With Jaeger's words."""
    assert error(await ask(f"traces/{'f' * 32}")) == (404, "No traces found")


@pytest.mark.parametrize("text", ["xyz", "0" * 33, "-1", "1 ", "1%20", "0x1"])
async def test_a_malformed_trace_id_is_400(text: str) -> None:
    """What is no id is not looked up."""
    status, message = error(await ask(f"traces/{text}"))
    assert status == 400
    assert message.startswith("malformed parameter trace_id")


@pytest.mark.parametrize(
    ("name", "value"), [("startTime", "abc"), ("end_time", "xyz"), ("rawTraces", "foo"), ("raw_traces", "2")]
)
async def test_malformed_parameters_of_a_trace_are_400(name: str, value: str) -> None:
    """They are checked although the store needs none of them, and named as they were sent."""
    status, message = error(await ask(f"traces/{HEX_ID}", **{name: value}))
    assert status == 400
    assert message.startswith(f"malformed parameter {name}: ")
    assert (await ask(f"traces/{HEX_ID}", startTime="2026-01-31T00:00:00Z", rawTraces="true")).status == 200


@pytest.mark.parametrize("window", [WINDOW, OLD_WINDOW])
async def test_a_search_returns_whole_traces(window: dict[str, str]) -> None:
    """Traces in which one span matches come with all their spans, under today's names and the old ones."""
    service = "query.serviceName" if window is WINDOW else "query.service_name"
    found = await ask("traces", **window, **{service: "worker"})
    spans = [
        span["traceId"]
        for group in found.json()["result"]["resourceSpans"]
        for part in group["scopeSpans"]
        for span in part["spans"]
    ]
    assert spans == [HEX_ID, HEX_ID]


async def test_an_empty_search_is_404() -> None:
    """As in Jaeger, finding nothing is not success."""
    assert error(await ask("traces", **WINDOW, **{"query.serviceName": "nobody"})) == (404, "No traces found")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "query.startTimeMin and query.startTimeMax are required"),
        ({"query.startTimeMin": "2026-01-31T00:00:00Z"}, "are required"),
        (WINDOW | {"query.startTimeMax": "abc"}, "malformed parameter query.startTimeMax"),
        (OLD_WINDOW | {"query.start_time_min": "abc"}, "malformed parameter query.start_time_min"),
        (WINDOW | {"query.startTimeMax": "2026-01-30T00:00:00Z"}, "must be before"),
        (WINDOW | {"query.durationMin": "5"}, "malformed parameter query.durationMin"),
        (WINDOW | {"query.durationMax": "-5s"}, "cannot be negative"),
        (WINDOW | {"query.durationMin": "2s", "query.durationMax": "1s"}, "cannot be less"),
        (WINDOW | {"query.searchDepth": "-1"}, "malformed parameter query.searchDepth"),
        (WINDOW | {"query.num_traces": "many"}, "malformed parameter query.num_traces"),
        (WINDOW | {"query.searchDepth": "4294967296"}, "malformed parameter query.searchDepth"),
        (WINDOW | {"query.attributes": "{"}, "malformed parameter query.attributes"),
        (WINDOW | {"query.attributes": "[]"}, "malformed parameter query.attributes"),
        (WINDOW | {"query.attributes": '{"a": 1}'}, "malformed parameter query.attributes"),
        (WINDOW | {"query.rawTraces": "perhaps"}, "malformed parameter query.rawTraces"),
    ],
)
@pytest.mark.parametrize("path", ["traces", "trace-summaries"])
async def test_bad_parameters_of_a_search_are_400(path: str, query: dict[str, str], message: str) -> None:
    """Each is refused by its name."""
    status, said = error(await ask(path, **query))
    assert status == 400
    assert message in said


async def test_the_root_is_the_earliest_span_without_a_parent() -> None:
    """Not the earliest of all: clocks differ, and a child may seem to start first."""
    spans = [
        make_span(1, "early child", parent=b"missing!", start=NOON - SECOND),
        make_span(1, "second root"),
    ]
    first = make_span(1, "first root", start=NOON - 1)
    store = await store_of(make_request(*spans), make_request(first, service="worker"))
    answer = await Client(query_app(store)).send("GET", "/api/v3/trace-summaries", query=WINDOW)
    [summary] = answer.json()["summaries"]
    assert (summary["rootServiceName"], summary["rootOperationName"]) == ("worker", "first root")
    assert summary["orphanSpanCount"] == 1


async def test_summaries_have_jaegers_shape() -> None:
    """Newest first; what is 0 is left out."""
    answer = await ask("trace-summaries", **WINDOW)
    second, first = answer.json()["summaries"]
    assert second["traceId"] == trace_id(2).hex()
    assert first == {
        "traceId": HEX_ID,
        "rootServiceName": "api",
        "rootOperationName": "POST /v1/orders",
        "minStartTimeUnixNano": str(NOON),
        "maxEndTimeUnixNano": str(NOON + 2 * SECOND),
        "spanCount": 2,
        "errorSpanCount": 1,
        "services": [
            {"name": "api", "spanCount": 1},
            {"name": "worker", "spanCount": 1, "errorSpanCount": 1},
        ],
    }
    nothing = await ask("trace-summaries", **WINDOW, **{"query.serviceName": "nobody"})
    assert (nothing.status, nothing.json()) == (200, {"summaries": []})
