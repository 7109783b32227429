"""What a request leaves behind: span, metrics, log line, correlation id; and how it ends."""

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from observability.http import HttpMiddleware
from observability.propagation import correlation_id
from tests.unit.asgi import call, http_scope
from tests.unit.recorder import Recorder
from tests.unit.served import ACTIVE, APP, asked, count

pytestmark = pytest.mark.usefixtures("provider")


@pytest.mark.parametrize(
    ("status", "code"), [(200, StatusCode.UNSET), (404, StatusCode.UNSET), (503, StatusCode.ERROR)]
)
async def test_a_request_leaves_a_span_a_metric_and_a_line(status: int, code: StatusCode) -> None:
    """All three name the route, not the path; an error is the server's from 500 on."""
    answer, recorder, [line] = await asked("GET", f"/s/{status}", ("user-agent", "curl/8"))
    span, attributes = recorder.span(), recorder.attributes()
    assert (span.name, span.kind, span.status.status_code) == ("GET /s/{status:int}", SpanKind.SERVER, code)
    assert attributes == {
        "http.request.method": "GET",
        "http.route": "/s/{status:int}",
        "http.response.status_code": status,
        "url.scheme": "http",
        "url.path": f"/s/{status}",
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": 8000,
        "client.address": "10.0.0.9",
        "network.peer.address": "10.0.0.9",
        "user_agent.original": "curl/8",
        "correlation_id": answer.header("x-correlation-id"),
        **({"error.type": "503"} if status == 503 else {}),
    }
    assert count(recorder, "GET", "/s/{status:int}", str(status)) == 1
    assert recorder.value(ACTIVE, url_scheme="http", http_request_method="GET") == 0
    assert (line["event"], line["route"], line["status"]) == ("request", "/s/{status:int}", status)
    assert line["duration_ms"] < 5_000


async def test_a_mount_is_no_route() -> None:
    """Its path may be empty, which names nothing."""
    app = Starlette(routes=[Mount("/", app=APP)])
    _, recorder, _ = await asked("GET", "/s/200", app=app)
    assert recorder.span().name == "GET /s/{status:int}"
    _, recorder, _ = await asked("GET", "/no", app=app)
    assert recorder.span().name == "GET"
    assert count(recorder, "GET", "unmatched", "404") == 1


@pytest.mark.parametrize(
    ("method", "path", "span", "labels"),
    [
        ("GET", "/no/such/path", "GET", ("GET", "unmatched", "404")),
        ("BREW", "/s/200", "HTTP /s/{status:int}", ("_OTHER", "/s/{status:int}", "405")),
        ("GET\nx", "/no", "HTTP", ("_OTHER", "unmatched", "404")),
        ("DELETE", "/s/200", "DELETE /s/{status:int}", ("DELETE", "/s/{status:int}", "405")),
    ],
)
async def test_strange_requests_make_no_strange_series(
    method: str, path: str, span: str, labels: tuple[str, str, str]
) -> None:
    """Paths and methods that a client makes up become neither labels nor names of spans."""
    _, recorder, _ = await asked(method, path)
    assert recorder.span().name == span
    assert count(recorder, *labels) == 1
    assert recorder.attributes().get("http.request.method_original", method) == method
    assert all(path not in str(series) for series in recorder.series())


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ([("x-correlation-id", "checkout-42")], "checkout-42"),
        ([("x-correlation-id", "checkout-42"), ("x-request-id", "r:1")], "checkout-42"),
        ([("x-correlation-id", "two words"), ("x-request-id", "r:1")], "r:1"),
        ([("x-correlation-id", "a" * 129)], None),
        ([], None),
    ],
)
@pytest.mark.parametrize("path", ["/s/200", "/health"])
async def test_the_correlation_id_is_taken_or_made_and_returned(
    headers: list[tuple[str, str]], taken: str | None, path: str
) -> None:
    """The first well-formed one holds for the whole request, of a probe too, and is told in the response."""
    answer, _, _ = await asked("GET", path, *headers)
    assert answer.body.decode() == answer.header("x-correlation-id")
    assert taken in {None, answer.header("x-correlation-id")}
    assert answer.header("x-correlation-id") not in {value for _, value in headers} - {taken}
    assert correlation_id() is None


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
async def test_probes_leave_nothing_behind(path: str) -> None:
    """No span, no series, no line: they would drown what matters."""
    answer, recorder, logs = await asked("GET", path)
    assert (answer.status, recorder.spans, recorder.series(), logs) == (200, (), set(), [])


async def test_predeclared_series_exist_from_the_start() -> None:
    """One that appears with the failures it counts has no rate, and a short outage would cost no budget."""
    recorder, series = Recorder(), [("POST", "/v1/orders", (202, 503))]
    HttpMiddleware(APP, recorder.tracer, recorder.registry, enabled=True, predeclared=series)
    assert [count(recorder, "POST", "/v1/orders", status) for status in ("202", "503", "200")] == [0, 0, None]


async def test_a_stream_is_timed_until_it_begins() -> None:
    """A client that follows an order for minutes is not a slow request; its span lasts to the end."""
    answer, recorder, [line] = await asked("GET", "/stream")
    assert answer.body == b"data: 1\n\ndata: 2\n\n"
    span = recorder.span()
    assert line["duration_ms"] < 50
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time >= 50_000_000


async def broken(_: Scope, __: Receive, ___: Send) -> None:
    """Answer nothing."""
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("app", "path", "counted", "error", "events"),
    [
        (APP, "/s/0", ("/s/{status:int}", "500"), "500", ["request"]),
        (APP, "/torn", ("/torn", "200"), "ZeroDivisionError", ["request failed", "request"]),
        (broken, "/s/200", ("unmatched", "500"), "ZeroDivisionError", ["request failed", "request"]),
    ],
)
async def test_an_exception_is_told_once(
    app: ASGIApp, path: str, counted: tuple[str, str], error: str, events: list[str]
) -> None:
    """By whoever answers with 500; else by our line, and by the server when nothing was answered."""
    answer, recorder, logs = await asked("GET", path, app=app)
    assert (answer.raised is not None) is (app is broken)
    span = recorder.span()
    assert (span.status.status_code, recorder.attributes()["error.type"]) == (StatusCode.ERROR, error)
    assert [(event.attributes or {})["exception.type"] for event in span.events] == ["ZeroDivisionError"]
    assert [line["event"] for line in logs] == events
    assert count(recorder, "GET", *counted) == 1
    assert recorder.value(ACTIVE, url_scheme="http", http_request_method="GET") == 0


@pytest.mark.parametrize(
    ("agent", "told"), [("x" * 300, "x" * 256), ("of ada@example.com", "of [redacted]"), ("", None)]
)
async def test_little_may_be_known_of_a_request(agent: str, told: str | None) -> None:
    """Not where it came from, nor who sends it; of a long name the beginning is told, of a person nothing."""
    recorder = Recorder()
    scope = {**http_scope("GET", "/s/200", [("user-agent", agent)]), "client": None, "server": None}
    await call(HttpMiddleware(APP, recorder.tracer, recorder.registry), scope)
    assert recorder.attributes().get("user_agent.original") == told
    assert not {"client.address", "network.peer.address", "server.address"} & recorder.attributes().keys()
