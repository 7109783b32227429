"""Streams, exceptions, and what is no HTTP: how a request ends, and what is told of it."""

import pytest
from opentelemetry.trace import StatusCode
from starlette.types import Receive, Scope, Send

from observability.http import HttpMiddleware
from tests.unit.asgi import call
from tests.unit.recorder import Recorder
from tests.unit.served import ACTIVE, asked, count

pytestmark = pytest.mark.usefixtures("provider")


async def test_a_stream_is_timed_until_it_begins() -> None:
    """A client that follows an order for minutes is not a slow request; its span lasts to the end."""
    answer, recorder, [line] = await asked("GET", "/stream")
    assert answer.body == b"data: 1\n\ndata: 2\n\n"
    span = recorder.span()
    assert line["duration_ms"] < 50
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time >= 50_000_000


async def test_an_exception_is_recorded_and_answered() -> None:
    """Starlette answers 500 and raises; the span keeps the exception, and nobody else hears of it again."""
    answer, recorder, logs = await asked("GET", "/s/0")
    assert (answer.status, answer.raised) == (500, None)
    span = recorder.span()
    assert span.status.status_code is StatusCode.ERROR
    assert [(e.name, (e.attributes or {})["exception.type"]) for e in span.events] == [
        ("exception", "ZeroDivisionError")
    ]
    assert [line["event"] for line in logs] == ["request"]
    assert count(recorder, "GET", "/s/{status:int}", "500") == 1


async def test_a_stream_that_breaks_is_logged() -> None:
    """Its 200 is out already: the span and a line are all that tells of the exception."""
    _, recorder, logs = await asked("GET", "/torn")
    assert recorder.span().status.status_code is StatusCode.ERROR
    assert recorder.attributes()["error.type"] == "ZeroDivisionError"
    assert [line["event"] for line in logs] == ["request failed", "request"]


async def test_an_exception_before_any_answer_reaches_the_server() -> None:
    """Uvicorn then answers 500, which is what is counted."""

    async def broken(_: Scope, __: Receive, ___: Send) -> None:
        raise ZeroDivisionError

    answer, recorder, _ = await asked("GET", "/s/200", app=broken)
    assert isinstance(answer.raised, ZeroDivisionError)
    assert count(recorder, "GET", "unmatched", "500") == 1
    assert recorder.value(ACTIVE, url_scheme="http", http_request_method="GET") == 0


async def test_other_protocols_pass_through() -> None:
    """Lifespan and WebSocket are not ours to time."""
    seen: list[str] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    recorder = Recorder()
    await call(HttpMiddleware(app, recorder.tracer, recorder.registry, enabled=True), {"type": "lifespan"})
    assert (seen, recorder.spans) == (["lifespan"], ())
