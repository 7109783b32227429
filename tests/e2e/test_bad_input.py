"""Hostile and broken requests over a real connection: a clear problem with ids, never a 500.

Which fields are refused, and why, is tested without servers, in `tests/unit/test_api_body.py`.
"""

import asyncio

import httpx2
import pytest

from tests.e2e.seen import assert_problem
from tests.e2e.senders import order_of

ORDER = order_of("tok_visa")
JSON = {"content-type": "application/json"}
UNKNOWN = "/v1/orders/01900000-0000-7000-8000-000000000000"
HUGE = b'{"items": [{"sku": "moka-pot", "quantity": ' + b"9" * 5_000 + b"}]}"
REFUSED: dict[str, tuple[str, str, bytes, int]] = {
    "no body": ("POST", "/v1/orders", b"", 400),
    "half a JSON": ("POST", "/v1/orders", b'{"customer": {', 400),
    "invalid UTF-8": ("POST", "/v1/orders", b'{"customer": "\xff\xfe"}', 400),
    "deep nesting": ("POST", "/v1/orders", b"[" * 30_000 + b"]" * 30_000, 400),
    "a huge number": ("POST", "/v1/orders", HUGE, 400),
    "no object": ("POST", "/v1/orders", b"1e999", 422),
    "over 64 KiB": ("POST", "/v1/orders", b'{"x": "' + b"x" * 70_000 + b'"}', 413),
    "no id": ("GET", "/v1/orders/%00", b"", 422),
    "a path": ("GET", "/v1/orders/..%2f..%2fetc%2fpasswd", b"", 404),
    "an unknown order": ("GET", UNKNOWN, b"", 404),
    "an unknown order's events": ("GET", f"{UNKNOWN}/events", b"", 404),
    "too many": ("GET", "/v1/orders?limit=101", b"", 422),
    "no cursor": ("GET", "/v1/orders?cursor=first", b"", 422),
    "another version": ("GET", "/v2/orders", b"", 404),
    "another method": ("PATCH", "/v1/orders", b"", 405),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused_is_a_problem(api: httpx2.AsyncClient, name: str) -> None:
    """Whatever comes, the answer says what is wrong with it."""
    method, path, body, status = REFUSED[name]
    assert_problem(await api.request(method, path, content=body, headers=JSON), status)


async def test_a_wrong_field_is_named(api: httpx2.AsyncClient) -> None:
    """An injection into an email's head is refused with its place."""
    customer = {"name": "A", "email": "a@example.com\r\nBcc: x@y.z"}
    problem = assert_problem(await api.post("/v1/orders", json={**ORDER, "customer": customer}), 422)
    assert [error["location"] for error in problem["errors"]] == ["customer.email"]


async def test_an_idempotency_key_gives_one_order_and_one_answer(api: httpx2.AsyncClient) -> None:
    """Twenty concurrent requests with one key get the same answer; another order with it is a conflict."""
    key = {"Idempotency-Key": "e2e-key-1", "traceparent": "00-zz-zz-01"}  # broken tracing costs only tracing
    answers = await asyncio.gather(*(api.post("/v1/orders", json=ORDER, headers=key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({(answer.text, answer.headers["location"]) for answer in answers}) == 1
    other = await api.post("/v1/orders", json=order_of("tok_visa", "grinder"), headers=key)
    problem = assert_problem(other, 422)
    assert problem["type"].endswith("idempotency-conflict")
