"""Jaeger's API, version 3: paths, shapes, errors, and which traces a search finds."""

import json

import pytest

from tests.unit.trace_samples import EVER, NOON, SECOND, Traces, make_request, make_span, trace_id


def test_services_and_operations_are_those_that_are_kept() -> None:
    """Operations have their kind, in Jaeger's words, and can be asked for by it."""
    traces = Traces()
    traces.export(
        make_request(make_span(1, "settle", kind=5), make_span(1, "settle", kind=5), service="worker"),
        make_request(make_span(2, "accept", kind=2), make_span(2, "look", kind=0)),
    )
    assert traces.get("/api/v3/services").json() == {"services": ["api", "worker"]}
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


def test_a_resource_without_a_name_has_jaegers() -> None:
    """Jaeger's stand-in for a missing `service.name`."""
    traces = Traces()
    traces.export(make_request(make_span(1), service=""))
    assert traces.get("/api/v3/services").json() == {"services": ["OTLPResourceNoServiceName"]}


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


def test_service_and_operation_must_be_those_of_one_span() -> None:
    """A trace in which one service does what another one is asked for is not found."""
    traces = Traces()
    traces.export(
        make_request(make_span(1, "accept")), make_request(make_span(1, "settle"), service="worker")
    )
    assert traces.find(serviceName="worker", operationName="settle") == [1]
    assert traces.find(serviceName="api", operationName="settle") == []
    assert traces.find(operationName="settle", serviceName="") == [1]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [("00:00.5Z", "00:01Z", [1]), ("00:00Z", "00:00.4Z", []), ("00:00.6Z", "00:01Z", [])],
)
def test_a_span_starts_within_the_time_range(first: str, last: str, found: list[int]) -> None:
    """RFC 3339 times bound the start, inclusively."""
    traces = Traces()
    traces.export(make_request(make_span(1, start=NOON + SECOND // 2)))
    assert traces.find(startTimeMin=f"2026-01-31T12:{first}", startTimeMax=f"2026-01-31T12:{last}") == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"durationMin": "1s"}, [3, 2]),
        ({"durationMax": "1000ms"}, [2, 1]),
        ({"durationMin": "500000µs", "durationMax": "1.5s"}, [2]),
        ({"durationMin": "0h1m30s"}, [3]),
        ({"durationMin": "2h"}, []),
    ],
)
def test_durations_are_those_of_spans(query: dict[str, str], found: list[int]) -> None:
    """Go's durations bound them, inclusively."""
    traces = Traces()
    lengths = (SECOND // 10, SECOND, 90 * SECOND)
    traces.export(*(make_request(make_span(n, duration=length)) for n, length in enumerate(lengths, 1)))
    assert traces.find(**query) == found


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ({"correlation_id": "abc"}, [2, 1]),
        ({"attempt": "2", "redelivered": "false", "cost": "0.5"}, [1]),
        ({"correlation_id": "abc", "service.version": "1.2.3"}, [2, 1]),
        ({"correlation_id": "ab"}, []),
        ({"correlation_id": "abc", "other": "yes"}, []),
        ({"abc": "correlation_id"}, []),
        ({"error": "true"}, [2]),
        ({"error": "false"}, [1]),
    ],
)
def test_attributes_of_span_and_resource_are_compared_as_text(
    attributes: dict[str, str], found: list[int]
) -> None:
    """Numbers and truth values match by how they read; all must be one span's; `error` is its status."""
    traces, version = Traces(), {"service.version": "1.2.3"}
    first = {"correlation_id": "abc", "attempt": 2, "redelivered": False, "cost": 0.5}
    traces.export(make_request(make_span(1, attributes=first), resource=version))
    traces.export(
        make_request(make_span(2, status=2, attributes={"correlation_id": "abc"}), resource=version)
    )
    assert traces.find(attributes=json.dumps(attributes)) == found
