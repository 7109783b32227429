"""Reading an order's body: every way it can be wrong, and never a 500."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.http import HttpMiddleware
from services.api import body as body_module
from services.api.body import MAX_BODY_BYTES
from services.api.schemas import EXAMPLE
from services.common.http.server import http_server
from tests.unit.api_app import app
from tests.unit.asgi import Answer, call, http_scope
from tests.unit.recorder import Recorder
from tests.unit.wire import Connection, free_port

APP = app()
UNREADABLE = ["", " ", "\xa0", "\u200b", "\u3164", "Ada\x9b", "Ada\u202e", "\u2066Ada"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


async def posted(*chunks: bytes, media_type: str | None = "application/json", coding: str = "") -> Answer:
    """Post a body."""
    headers = [] if media_type is None else [("content-type", media_type)]
    headers += [("content-encoding", coding)] if coding else []
    return await call(APP, http_scope("POST", "/v1/orders", headers), *chunks)


def example(path: str = "", value: object = None) -> bytes:
    """Return the example order as JSON, with the value at a path replaced."""
    document: Any = json.loads(json.dumps(EXAMPLE))
    *parents, last = path.split(".")
    part = document
    for step in parents:
        part = part[int(step) if step.isdigit() else step]
    if last:
        part[last] = value
    return json.dumps(document).encode()


async def test_a_good_order_is_accepted_however_it_is_cut() -> None:
    """202 with the order's address; chunks of the body may end anywhere."""
    body = example()
    answer = await posted(
        *[body[i : i + 1] for i in range(len(body))], media_type="Application/JSON; charset=utf-8"
    )
    assert answer.status == 202
    assert answer.header("location") == f"/v1/orders/{answer.json()['id']}"
    assert answer.json()["status"] == "pending"


@pytest.mark.parametrize("media_type", [None, "", "text/plain", "application/xml", "application/json+x"])
async def test_other_media_types_are_refused(media_type: str | None) -> None:
    """An order comes as application/json or not at all: 415."""
    assert (await posted(example(), media_type=media_type)).status == 415


@pytest.mark.parametrize(("coding", "status"), [("gzip", 415), ("identity, br", 415), ("Identity", 202)])
async def test_coded_bodies_are_refused(coding: str, status: int) -> None:
    """415, not a complaint about their JSON."""
    assert (await posted(example(), coding=coding)).status == status


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 50_000, b'{"a": NaN', b"nul", b'"\\ud800"'])
async def test_what_is_no_json_is_refused(body: bytes) -> None:
    """400, also for an endless nesting."""
    answer = await posted(body)
    assert (answer.status, answer.json()["type"]) == (400, "urn:orderscope:problem:malformed-json")


@pytest.mark.parametrize("sizes", [[MAX_BODY_BYTES + 1], [MAX_BODY_BYTES, 1], [1] * 9 + [MAX_BODY_BYTES]])
async def test_a_body_over_64_kib_is_refused(sizes: list[int]) -> None:
    """413 as soon as it is too large, whatever its Content-Length said; the bound itself is allowed."""
    assert (await posted(*[b" " * size for size in sizes])).status == 413
    assert (await posted(example().ljust(MAX_BODY_BYTES))).status == 202


@pytest.mark.parametrize(
    ("path", "value", "location"),
    [
        ("customer.email", "nobody", "customer.email"),
        ("customer.name", "a\nb", "customer.name"),
        *(("customer.name", name, "customer.name") for name in UNREADABLE),
        ("customer.surprise", 1, "customer.surprise"),
        ("items", [], "items"),
        ("items", [{"sku": "moka-pot", "quantity": 1}] * 51, "items"),
        ("items.0.quantity", "2", "items.0.quantity"),
        ("items.0.quantity", 0, "items.0.quantity"),
        ("items.0.quantity", 101, "items.0.quantity"),
        ("items.0.quantity", True, "items.0.quantity"),
        ("items.1.sku", "No Such Thing", "items.1.sku"),
        ("items.1.sku", "no-such-thing", "items.1.sku"),
        ("payment.token", "4111111111111111", "payment.token"),
        ("payment", None, "payment"),
        ("total", 1, "total"),
    ],
)
async def test_a_wrong_field_is_named(path: str, value: object, location: str) -> None:
    """422 says where in the order the mistake is, once, and in JSON's terms; unknown fields are mistakes."""
    answer = await posted(example(path, value))
    assert answer.status == 422
    [error] = answer.json()["errors"]
    assert error["location"] == location
    assert "tuple" not in error["message"].lower()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
async def test_no_body_is_ever_a_server_error(body: bytes) -> None:
    """Whatever comes is answered with a client's error, as a problem."""
    answer = await posted(body)
    assert answer.status in {400, 422}
    assert answer.json()["correlation_id"]


@settings(deadline=None)
@given(st.sampled_from(["customer", "customer.name", "customer.email", "items", "payment.token"]), VALUES)
async def test_no_value_is_ever_a_server_error(path: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Whatever stands in a field, the answer is 202 or a client's error."""
    assert (await posted(example(path, value))).status in {202, 400, 422}


@pytest.mark.parametrize(
    ("sent", "length", "status"),
    [
        ([b"{"], 9, 408),
        ([], 9, 408),
        ([example()[:9], example()[9:]], len(example()), 202),
        ([b"x" * 300], 300, 400),
        ([example(), None], 999, 400),
        ([], MAX_BODY_BYTES + 1, 413),
    ],
)
async def test_a_body_is_waited_for_so_long_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, sent: list[bytes | None], length: int, status: int
) -> None:
    """Over a real connection: late, in parts, too long, not at all, broken off. Each answer is counted."""
    monkeypatch.setattr(body_module, "READ_TIMEOUT_SECONDS", 0.3)
    port, recorder = free_port(), Recorder()
    traced = HttpMiddleware(APP, recorder.tracer, recorder.registry, enabled=True)
    head = (
        f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}"
    )
    async with http_server(traced, host="127.0.0.1", port=port, keep_alive=10, shutdown_timeout=1):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await Connection(reader, writer).send(head.encode() + b"\r\n\r\n", *filter(None, sent))
        if None in sent:
            writer.write_eof()
        assert (await Connection(reader, writer).answer())[0] == status
        writer.transport.abort()
    labels = {"http_request_method": "POST", "http_route": "/v1/orders", "url_scheme": "http"}
    name = "http_server_request_duration_seconds_count"
    assert recorder.value(name, **labels, http_response_status_code=str(status)) == 1
