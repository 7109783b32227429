"""Which pages may use the api, and what its own page may run."""

import re

import pytest
from pydantic import ValidationError

from services.api.http import allow_origins
from services.api.settings import Settings
from tests.unit.api_app import UNKNOWN, app
from tests.unit.asgi import Answer, call, http_scope

PAGE = "https://shop.example"


async def asked(path: str, *origins: str, method: str = "GET", **headers: str) -> Answer:
    """Return the answer of the whole application to a browser."""
    sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return await call(allow_origins(app(), origins), http_scope(method, path, sent))


async def test_the_documentation_is_the_services_own() -> None:
    """Tokens are typed there: no script stands in the page, and all that it loads comes from here."""
    answer = await asked("/docs")
    page, policy = answer.body.decode(), answer.header("content-security-policy") or ""
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert page.count("<script") == len(re.findall(r'<script src="[^"]+"></script>', page)) == 2
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert [(await asked(f"/{path}")).status for path in loaded] == [200] * 4
    assert "openapi.json" in (await asked("/docs/start.js")).body.decode()


@pytest.mark.parametrize("file", ["none.js", "__init__.py", "index.html", "..", "\0", "x" * 300])
async def test_the_documentation_has_no_other_files(file: str) -> None:
    """404 as a problem, whatever the path is made of."""
    assert (await asked(f"/docs/{file}")).json()["type"].endswith(":not-found")


async def test_foreign_pages_get_nothing_by_default() -> None:
    """Without a setting there is no Access-Control header at all, and a preflight leads nowhere."""
    for method in ("GET", "OPTIONS"):
        answer = await asked("/v1/orders", method=method, origin=PAGE, access_control_request_method="POST")
        assert answer.status == (200 if method == "GET" else 405)
        assert not [name for name, _ in answer.messages[0]["headers"] if name.startswith(b"access-control")]


async def test_chosen_pages_may_read_and_order() -> None:
    """An origin of the setting gets its preflight, and sees the headers that clients work with."""
    preflight = await asked(
        "/v1/orders",
        PAGE,
        method="OPTIONS",
        origin=PAGE,
        access_control_request_method="POST",
        access_control_request_headers="content-type, idempotency-key, x-api-key, x-request-id, "
        "last-event-id, x-correlation-id, traceparent, tracestate, baggage",
    )
    assert (preflight.status, preflight.header("access-control-allow-origin")) == (200, PAGE)
    read = await asked(f"/v1/orders/{UNKNOWN}", PAGE, origin=PAGE)
    assert (read.status, read.header("access-control-allow-origin")) == (404, PAGE)
    assert "Retry-After" in (read.header("access-control-expose-headers") or "")
    assert read.header("access-control-allow-credentials") is None


async def test_other_pages_stay_out() -> None:
    """Another origin is refused, whatever it looks like."""
    for origin in ("https://shop.example.evil.example", "http://shop.example", "null"):
        assert (await asked("/v1/orders", PAGE, origin=origin)).header("access-control-allow-origin") is None
        preflight = await asked(
            "/v1/orders", PAGE, method="OPTIONS", origin=origin, access_control_request_method="POST"
        )
        assert preflight.status == 400


@pytest.mark.parametrize(
    "origin", ["shop.example", "https://shop.example/", "https://a b", "ftp://shop.example", ""]
)
def test_an_origin_is_a_scheme_and_a_host(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    """What a browser would never send is a mistake in the settings."""
    monkeypatch.setenv("CORS_ORIGINS", f'["{origin}"]')
    with pytest.raises(ValidationError, match="cors_origins"):
        Settings()
