"""Hostile and broken requests: a clear problem with ids, never a 500."""

import asyncio
from typing import Any

import httpx2
import pytest

JSON = {"content-type": "application/json"}
UNKNOWN = "01900000-0000-7000-8000-000000000000"
HOSTILE_BODIES: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "no JSON": (b"order, please", 400),
    "half a JSON": (b'{"customer": {', 400),
    "null": (b"null", 422),
    "a list": (b"[]", 422),
    "a number": (b"1e999", 422),
    "invalid UTF-8": (b'{"customer": "\xff\xfe"}', 400),
    "a lone surrogate": (b'{"customer": "\\ud800"}', 400),
    "deep nesting": (b"[" * 30_000 + b"]" * 30_000, 400),
    "a huge number": (b'{"items": [{"sku": "moka-pot", "quantity": ' + b"9" * 5_000 + b"}]}", 400),
    "over 64 KiB": (b'{"x": "' + b"x" * 70_000 + b'"}', 413),
}


def assert_problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    """Hold a response to RFC 9457 and to the ids that every problem carries."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["type"].startswith("urn:orderscope:problem:")
    assert problem["correlation_id"] == response.headers["x-correlation-id"]
    assert len(problem["trace_id"]) == 32
    return problem


@pytest.mark.parametrize("name", HOSTILE_BODIES)
async def test_hostile_bodies_are_refused(api: httpx2.AsyncClient, name: str) -> None:
    """Whatever the body is, the answer says what is wrong with it."""
    body, status = HOSTILE_BODIES[name]
    assert_problem(await api.post("/v1/orders", content=body, headers=JSON), status)


@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"items": []}, "items"),
        ({"items": [{"sku": "moka-pot", "quantity": "2"}]}, "items.0.quantity"),
        ({"items": [{"sku": "moka-pot", "quantity": True}]}, "items.0.quantity"),
        ({"items": [{"sku": "moka-pot", "quantity": 0}]}, "items.0.quantity"),
        ({"items": [{"sku": "moka-pot", "quantity": 1.5}]}, "items.0.quantity"),
        ({"items": [{"sku": "unicorn", "quantity": 1}]}, "items.0.sku"),
        ({"items": [{"sku": "moka-pot", "quantity": 1}] * 51}, "items"),
        ({"customer": {"name": "A\nBcc: x@y.z", "email": "a@example.com"}}, "customer.name"),
        ({"customer": {"name": "A", "email": "a@example.com\r\nBcc: x@y.z"}}, "customer.email"),
        ({"customer": None}, "customer"),
        ({"payment": {"token": "4111 1111 1111 1111"}}, "payment.token"),
        ({"status": "done"}, "status"),
    ],
)
async def test_wrong_fields_are_named(
    api: httpx2.AsyncClient, order: dict[str, Any], change: dict[str, Any], location: str
) -> None:
    """Wrong types, bounds, unknown fields and injections are refused, with the place where they stand."""
    problem = assert_problem(await api.post("/v1/orders", json={**order, **change}), 422)
    assert location in {error["location"] for error in problem["errors"]}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/orders/not-an-id", 422),
        ("GET", "/v1/orders/%00", 422),
        ("GET", "/v1/orders/..%2f..%2fetc%2fpasswd", 404),
        ("GET", f"/v1/orders/{UNKNOWN}", 404),
        ("GET", f"/v1/orders/{UNKNOWN}/status", 404),
        ("GET", f"/v1/orders/{UNKNOWN}/events", 404),
        ("GET", "/v1/orders?limit=0", 422),
        ("GET", "/v1/orders?limit=101", 422),
        ("GET", "/v1/orders?limit=many", 422),
        ("GET", "/v1/orders?cursor=first", 422),
        ("GET", "/v2/orders", 404),
        ("DELETE", "/v1/orders", 405),
        ("PATCH", "/v1/orders", 405),
    ],
)
async def test_wrong_addresses_are_refused(
    api: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    """Ids that are no ids, unknown orders, pages and methods."""
    assert_problem(await api.request(method, path), status)


async def test_other_media_types_are_refused(api: httpx2.AsyncClient, order: dict[str, Any]) -> None:
    """Only JSON is read."""
    assert_problem(await api.post("/v1/orders", content=b"a=b", headers={"content-type": "text/plain"}), 415)
    assert_problem(await api.post("/v1/orders", data={"a": "b"}), 415)
    accepted = await api.post(
        "/v1/orders", json=order, headers={"content-type": "Application/JSON; charset=utf-8"}
    )
    assert accepted.status_code == 202


async def test_ill_formed_correlation_ids_are_replaced(
    api: httpx2.AsyncClient, order: dict[str, Any]
) -> None:
    """Nothing that could break a log line or a header is taken over."""
    for hostile in ('a"b', "a b", "x" * 200, "{}", "../etc", "-"):
        response = await api.post("/v1/orders", json=order, headers={"X-Correlation-ID": hostile})
        assert response.status_code == 202
        assert response.headers["x-correlation-id"] != hostile
        assert len(response.headers["x-correlation-id"]) == 32


async def test_a_malformed_traceparent_starts_a_trace_of_its_own(
    api: httpx2.AsyncClient, order: dict[str, Any]
) -> None:
    """A client's broken tracing costs it nothing but its tracing."""
    response = await api.post("/v1/orders", json=order, headers={"traceparent": "00-zz-zz-01"})
    assert response.status_code == 202


async def test_an_idempotency_key_gives_one_order_and_one_answer(
    api: httpx2.AsyncClient, order: dict[str, Any]
) -> None:
    """Fifty concurrent requests with one key get the same answer; another order with it is a conflict."""
    key = {"Idempotency-Key": "e2e-key-1"}
    answers = await asyncio.gather(*(api.post("/v1/orders", json=order, headers=key) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1
    other = {**order, "items": [{"sku": "grinder", "quantity": 1}]}
    problem = assert_problem(await api.post("/v1/orders", json=other, headers=key), 422)
    assert problem["type"].endswith("idempotency-conflict")
    malformed = await api.post("/v1/orders", json=order, headers={"Idempotency-Key": "x" * 256})
    assert_problem(malformed, 422)
