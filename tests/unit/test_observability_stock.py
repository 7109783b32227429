"""Our server span beside the one of opentelemetry-instrumentation-fastapi, for the same requests."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability as Stability
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import ReadableSpan
from structlog.testing import capture_logs

from observability.http import ServerMiddleware
from tests.unit.asgi import call, http_scope
from tests.unit.recorder import Recorder

pytestmark = pytest.mark.usefixtures("provider")


REQUESTS = [
    ("GET", "/items/1"),
    ("POST", "/items/1"),
    ("GET", "/items/404"),
    ("GET", "/items/503"),
    ("GET", "/items/0"),
    ("GET", "/no/such/path"),
    ("DELETE", "/items/1"),
    ("BREW", "/items/1"),
]
HEADERS = [("host", "shop.example"), ("user-agent", "curl/8")]

DIFFERENT: Mapping[str, str] = {
    # Stock appends the port, which the conventions have in an attribute of its own.
    "server.address": "127.0.0.1",
}
LEFT_OUT = {
    "url.query",  # may hold anything, secrets too
    "client.port",  # opt-in by the conventions, and of no use
}


def application() -> FastAPI:
    """Return an app that answers with the status that the path asks for."""
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.get("/items/{item}")
    @app.post("/items/{item}")
    async def item(item: int) -> int:
        if item == 0:
            raise ZeroDivisionError
        if item >= 400:
            raise HTTPException(item)
        return item

    return app


async def ours(recorder: Recorder, method: str, path: str) -> None:
    """Serve a request behind our middleware."""
    app = ServerMiddleware(application(), recorder.tracer, recorder.registry, enabled=True)
    with capture_logs():
        await call(app, http_scope(method, path, HEADERS, query=b"q=1"))


async def stock(recorder: Recorder, method: str, path: str) -> None:
    """Serve a request behind the stock instrumentation."""
    app = application()
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=recorder.provider, exclude_spans=["send", "receive"]
    )
    await call(app, http_scope(method, path, HEADERS, query=b"q=1"))


@pytest.fixture(autouse=True)
def stable_conventions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the stock instrumentation use today's names, which it decides once a process."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    monkeypatch.setattr(Stability, "_initialized", False)


async def span_of(serve: Callable[..., Any], method: str, path: str) -> ReadableSpan:
    """Return the one span that a request left behind."""
    recorder = Recorder()
    await serve(recorder, method, path)
    return recorder.span()


@pytest.mark.parametrize(("method", "path"), REQUESTS)
async def test_ours_says_what_the_stock_one_says(method: str, path: str) -> None:
    """Name, kind, status and every attribute agree, but for the differences that are listed."""
    one, other = await span_of(ours, method, path), await span_of(stock, method, path)
    assert (one.name, one.kind, one.status.status_code) == (other.name, other.kind, other.status.status_code)
    assert [event.name for event in one.events] == [event.name for event in other.events]
    expected = {**(other.attributes or {}), **DIFFERENT}
    assert {name for name in expected if name not in (one.attributes or {})} == LEFT_OUT
    assert (one.attributes or {}).items() >= {n: v for n, v in expected.items() if n not in LEFT_OUT}.items()


async def test_ours_adds_what_the_conventions_recommend() -> None:
    """And the correlation id, under which a trace can be found."""
    one, other = await span_of(ours, *REQUESTS[0]), await span_of(stock, *REQUESTS[0])
    assert set(one.attributes or {}) - set(other.attributes or {}) == {
        "correlation_id",
        "network.peer.address",
    }
