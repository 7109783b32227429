"""Operator routes open to the token alone."""

import pytest
from fastapi import APIRouter, Depends, FastAPI

from services.api.dependencies import operator
from services.api.errors import handle_errors
from services.api.limits import Decision
from services.api.problems import MEDIA_TYPE
from tests.unit.api_app import IDS, Limiter
from tests.unit.asgi import call, http_scope

TOKEN = "c0ffee-geh\xe4imnis"


class OperatorAlone(Limiter):
    """Has every client but the operator past its limit."""

    async def decide(self, client: str) -> Decision:
        """Count a client."""
        self.allowed = client == "operator"
        return await super().decide(client)


def guarded(token: str = TOKEN, limiter: Limiter | None = None) -> FastAPI:
    """Return an application with one operator route."""
    router = APIRouter(dependencies=[Depends(operator((limiter or Limiter()).decide, token))])

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
    limiter = Limiter()
    headers = [("authorization", f"{scheme} {as_sent(TOKEN)}"), ("x-api-key", "shop")]
    answer = await call(guarded(limiter=limiter), http_scope("GET", "/secret", headers))
    assert (answer.status, answer.json(), answer.header("ratelimit-limit")) == (200, "seen", "10")
    assert limiter.counted == ["operator"]


@pytest.mark.parametrize(
    ("token", "sent"),
    [
        (TOKEN, ""),
        (TOKEN, None),
        (TOKEN, "Bearer"),
        (TOKEN, "Bearer "),
        (TOKEN, f"Basic {TOKEN}"),
        (TOKEN, TOKEN),
        (TOKEN, "Bearer c0ffee"),
        (TOKEN, f"Bearer {TOKEN}"),
        (TOKEN, "Bearer \xff"),
        ("", None),
        ("", "Bearer "),
    ],
)
async def test_nothing_else_opens(token: str, sent: str | None) -> None:
    """Missing, half, in another scheme or encoding, or never set: 401 as a problem that names the scheme."""
    headers, limiter = [] if sent is None else [("authorization", sent)], Limiter()
    answer = await call(guarded(token, limiter), http_scope("GET", "/secret", headers))
    assert (answer.status, answer.header("content-type")) == (401, MEDIA_TYPE)
    assert answer.header("www-authenticate") == "Bearer"
    assert answer.json()["type"] == "urn:orderscope:problem:unauthorized"
    assert "c0ffee" not in answer.body.decode()
    assert limiter.counted == ["address:10.0.0.9"]


async def test_strangers_lock_no_operator_out() -> None:
    """An address past its limit has to wait, and the token opens from there all the same."""
    app = guarded(limiter=OperatorAlone())
    for token, status in (("guess", 429), (TOKEN, 200), ("guess", 429)):
        headers = [("authorization", f"Bearer {as_sent(token)}")]
        assert (await call(app, http_scope("GET", "/secret", headers))).status == status


def test_the_document_names_the_token() -> None:
    """Operations behind the token name it as their security scheme, so that Swagger UI can send it."""
    document = guarded(limiter=OperatorAlone()).openapi()
    assert document["components"]["securitySchemes"]["operator"]["scheme"] == "bearer"
    assert document["paths"]["/secret"]["get"]["security"] == [{"operator": []}]
