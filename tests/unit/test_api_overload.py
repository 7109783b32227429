"""Past so many requests at the same time the api refuses more, and telemetry counts each refusal."""

import asyncio

import pytest

from observability.http import HttpMiddleware
from services.api import http
from services.api.schemas import Order
from tests.unit.api_app import UNKNOWN, app
from tests.unit.asgi import call, http_scope
from tests.unit.recorder import Recorder


@pytest.mark.usefixtures("provider")
async def test_a_request_past_the_bound_is_refused_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 as a problem, under its route, so that the objective sees it; what is being served goes on."""
    monkeypatch.setattr(http, "MAX_REQUESTS", 1)
    loading, loaded = asyncio.Event(), asyncio.Event()

    async def load(_: str) -> Order | None:
        loading.set()
        await loaded.wait()
        return None

    recorder = Recorder()
    traced = HttpMiddleware(app(load=load), recorder.tracer, recorder.registry, enabled=True)
    first = asyncio.create_task(call(traced, http_scope("GET", f"/v1/orders/{UNKNOWN}")))
    await loading.wait()
    refused = await call(traced, http_scope("POST", "/v1/orders"))
    assert (refused.status, refused.header("retry-after")) == (503, "1")
    assert refused.json()["type"] == "urn:orderscope:problem:overloaded"
    labels = {"http_request_method": "POST", "http_route": "/v1/orders", "http_response_status_code": "503"}
    name = "http_server_request_duration_seconds_count"
    assert recorder.value(name, url_scheme="http", **labels) == 1
    assert (await call(traced, http_scope("GET", "/openapi.json"))).status == 200
    loaded.set()
    assert (await first).status == 404
    assert (await call(traced, http_scope("POST", "/v1/orders"))).status == 415
