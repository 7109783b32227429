"""Jaeger's API, version 3: paths, shapes, errors, and which traces a search finds."""

import pytest

from tests.unit.trace_samples import EVER, NOON, SECOND, Traces, make_request, make_span, trace_id


def test_services_and_operations_are_those_that_are_kept() -> None:
    """Operations have their kind, in Jaeger's words, and can be asked for by it."""
    traces = Traces()
    traces.export(
        make_request(make_span(1, "settle", kind=5), make_span(1, "settle", kind=5), service="worker"),
        make_request(make_span(2, "accept", kind=2), make_span(2, "look", kind=0)),
        make_request(make_span(3), service=""),
    )
    named = ["OTLPResourceNoServiceName", "api", "worker"]
    assert traces.get("/api/v3/services").json() == {"services": named}
    accept, look = {"name": "accept", "spanKind": "server"}, {"name": "look", "spanKind": "internal"}
    asked = {"service": "api"}
    assert traces.get("/api/v3/operations", params=asked).json() == {"operations": [accept, look]}
    asked["spanKind"] = "server"
    assert traces.get("/api/v3/operations", params=asked).json() == {"operations": [accept]}
    assert traces.get("/api/v3/operations").json() == {"operations": []}


@pytest.mark.parametrize("path", [trace_id(10), "a", "A", trace_id(10).upper()])
def test_one_trace_is_found_by_its_id(path: str) -> None:
    """Ids may be in capitals and lack the zeros on their left; each resource has a group of its own."""
    traces = Traces()
    traces.export(make_request(make_span(10)), make_request(make_span(10), service="worker"))
    result = traces.get(f"/api/v3/traces/{path}").json()["result"]
    names = [group["resource"]["attributes"][0]["value"]["stringValue"] for group in result["resourceSpans"]]
    assert names == ["api", "worker"]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("traces/1", {}, 404),
        ("traces/xyz", {}, 400),
        ("traces/" + "1" * 33, {}, 400),
        ("traces", EVER, 404),
        ("traces", {}, 400),
        ("traces", {**EVER, "query.startTimeMin": "yesterday"}, 400),
        ("traces", {**EVER, "query.startTimeMin": "2026-01-31T12:00:00"}, 400),
        ("traces", {**EVER, "query.durationMin": "1 second"}, 400),
        ("traces", {**EVER, "query.durationMin": "1x2s"}, 400),
        ("traces", {**EVER, "query.attributes": "error=true"}, 400),
        ("traces", {**EVER, "query.attributes": '{"n":1}'}, 400),
        ("traces", {**EVER, "query.searchDepth": "-1"}, 400),
        ("unknown", {}, 404),
    ],
)
def test_errors_have_jaegers_shape(path: str, query: dict[str, str], status: int) -> None:
    """The answer says what is missing or malformed, and no search is guessed."""
    answer = Traces().get(f"/api/v3/{path}", params=query)
    assert answer.status_code == status
    assert answer.json()["error"]["httpCode"] == status
    assert answer.json()["error"]["message"]


def test_the_newest_come_first_up_to_the_depth() -> None:
    """The order is that of arrival, whatever the spans' times; the default depth is 100."""
    traces = Traces()
    traces.export(*(make_request(make_span(n, start=NOON - n)) for n in range(1, 121)))
    assert traces.find(searchDepth="3") == [120, 119, 118]
    assert traces.find() == list(range(120, 20, -1))


@pytest.fixture(scope="module")
def traces() -> Traces:
    """Return three traces that start at half a second past noon, the last one with spans of two services."""
    found, start, version = Traces(), NOON + SECOND // 2, {"service.version": "1.2.3"}
    first = {"correlation_id": "abc", "attempt": 2, "redelivered": False, "cost": 0.5}
    found.export(
        make_request(make_span(1, start=start, duration=SECOND // 10, attributes=first), resource=version),
        make_request(
            make_span(2, start=start, status=2, attributes={"correlation_id": "abc"}), resource=version
        ),
        make_request(make_span(3, "accept", start=start, duration=90 * SECOND)),
        make_request(make_span(3, "settle", start=start), service="worker"),
    )
    return found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"serviceName": "worker", "operationName": "settle"}, [3]),
        ({"serviceName": "api", "operationName": "settle"}, []),
        ({"serviceName": "", "operationName": "settle"}, [3]),
        ({"startTimeMin": "2026-01-31T12:00:00.5Z", "startTimeMax": "2026-01-31T12:00:01Z"}, [3, 2, 1]),
        ({"startTimeMin": "2026-01-31T12:00:00Z", "startTimeMax": "2026-01-31T12:00:00.4Z"}, []),
        ({"startTimeMin": "2026-01-31T12:00:00.6Z", "startTimeMax": "2026-01-31T12:00:01Z"}, []),
        ({"durationMin": "1s"}, [3, 2]),
        ({"durationMax": "1000ms", "serviceName": "api"}, [2, 1]),
        ({"durationMin": "500000µs", "durationMax": "1.5s", "serviceName": "api"}, [2]),
        ({"durationMin": "0h1m30s"}, [3]),
        ({"durationMin": "2h"}, []),
        ({"attributes": '{"correlation_id":"abc"}'}, [2, 1]),
        ({"attributes": '{"attempt":"2","redelivered":"false","cost":"0.5"}'}, [1]),
        ({"attributes": '{"correlation_id":"abc","service.version":"1.2.3"}'}, [2, 1]),
        ({"attributes": '{"correlation_id":"ab"}'}, []),
        ({"attributes": '{"correlation_id":"abc","other":"yes"}'}, []),
        ({"attributes": '{"abc":"correlation_id"}'}, []),
        ({"attributes": '{"error":"true"}'}, [2]),
        ({"attributes": '{"error":"false"}'}, [3, 1]),
    ],
)
def test_a_search_finds_traces_of_which_one_span_satisfies_it(
    traces: Traces, query: dict[str, str], found: list[int]
) -> None:
    """RFC 3339 times bound its start, Go's durations its length; inclusively.

    Attributes of the span and its resource are compared as text, `error` is its status.
    """
    assert traces.find(**query) == found
