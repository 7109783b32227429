"""Operator routes open to the token alone."""

from collections.abc import Awaitable, Callable

import pytest
from fastapi import APIRouter, Depends, FastAPI

from services.api.dependencies import operator, operator_limit
from services.api.errors import handle_errors
from services.api.limits import Decision
from services.api.problems import MEDIA_TYPE
from tests.unit.api_app import IDS
from tests.unit.asgi import call, http_scope

TOKEN = "c0ffee-geh\xe4imnis"


async def nobody_else(client: str) -> Decision:
    """Have every client but the operator past its limit."""
    allowed = client == "operator"
    return Decision(allowed=allowed, limit=9, remaining=0, retry_after=0 if allowed else 7, reset_after=9)


def guarded(expected: str = TOKEN, *before: Callable[..., Awaitable[None]]) -> FastAPI:
    """Return an application with one operator route."""
    router = APIRouter(dependencies=[Depends(one) for one in (*before, operator(expected))])

    @router.get("/secret")
    async def secret() -> str:
        return "seen"

    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.include_router(router)
    handle_errors(app, lambda: IDS)
    return app


def as_sent(text: str) -> str:
    """Return a text as Latin-1 shows its UTF-8 bytes, which is how a header carries it."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_token_opens(scheme: str) -> None:
    """A token of any characters is compared as its bytes; the scheme's case does not matter (RFC 9110)."""
    headers = [("authorization", f"{scheme} {as_sent(TOKEN)}")]
    answer = await call(guarded(), http_scope("GET", "/secret", headers))
    assert (answer.status, answer.json()) == (200, "seen")


@pytest.mark.parametrize(
    "sent",
    [
        "",
        None,
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer c0ffee",
        f"Bearer {TOKEN}",
        "Bearer \xff",
    ],
)
async def test_nothing_else_opens(sent: str | None) -> None:
    """Missing, half, in another scheme or encoding: 401 as a problem that names the scheme."""
    headers = [] if sent is None else [("authorization", sent)]
    answer = await call(guarded(), http_scope("GET", "/secret", headers))
    assert (answer.status, answer.header("content-type")) == (401, MEDIA_TYPE)
    assert answer.header("www-authenticate") == "Bearer"
    assert answer.json()["type"] == "urn:orderscope:problem:unauthorized"
    assert "c0ffee" not in answer.body.decode()


async def test_an_empty_token_opens_to_nobody() -> None:
    """A setting that was forgotten is no open door."""
    for headers in ([], [("authorization", "Bearer ")]):
        assert (await call(guarded(""), http_scope("GET", "/secret", headers))).status == 401


async def test_strangers_lock_no_operator_out() -> None:
    """An address past its limit is told to wait, and the token opens from there all the same."""
    app = guarded(TOKEN, operator_limit(nobody_else, TOKEN))
    for token, status in (("guess", 429), (TOKEN, 200), ("guess", 429)):
        headers = [("authorization", f"Bearer {as_sent(token)}")]
        assert (await call(app, http_scope("GET", "/secret", headers))).status == status


def test_the_document_tells_of_the_token() -> None:
    """Operations behind the token name it as their security scheme, so that Swagger UI can send it."""
    document = guarded(TOKEN, operator_limit(nobody_else, TOKEN)).openapi()
    assert document["components"]["securitySchemes"]["operator"]["scheme"] == "bearer"
    assert document["paths"]["/secret"]["get"]["security"] == [{"operator": []}]
