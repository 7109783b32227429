"""What stands before every route: API key and rate limit; before operator routes, their token."""

import hmac
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv6Network
from typing import Annotated

from fastapi import Depends, Request, Response, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from services.api.keys import ApiKeys
from services.api.limits import Decide
from services.api.problems import ProblemError

Dependency = Callable[..., Awaitable[None]]
API_KEY_HEADER = "X-API-Key"
API_KEY = APIKeyHeader(
    name=API_KEY_HEADER,
    scheme_name="client",
    description="Whose request it is: limits and idempotency keys are counted by it, or by the address. "
    "Needed where `REQUIRE_API_KEY` is on, as in production.",
    auto_error=False,
)
OPERATOR_TOKEN = HTTPBearer(
    scheme_name="operator", description="`OPERATOR_TOKEN` of the api's settings.", auto_error=False
)

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(OPERATOR_TOKEN)]


@dataclass(frozen=True, slots=True, eq=False)
class RateLimit:
    """The dependency that counts a request against its client's limit.

    A request without a key, or with an unknown one, counts for its address. The dependency is compared by
    identity, because FastAPI keeps dependencies in sets.
    """

    decide: Decide
    keys: ApiKeys

    async def __call__(
        self, request: Request, response: Response, key: Annotated[str | None, Security(API_KEY)]
    ) -> None:
        """Count a request; the response gets the headers of the limit."""
        _, headers = await self.count(request, key)
        response.headers.update(headers)

    async def count(self, request: Request, key: str | None) -> tuple[str, dict[str, str]]:
        """Count a request; return whose it is (a client's name, or an address) and the headers of the limit.

        Raises:
            ProblemError: 429 past the limit, 401 without a key where one is needed.
        """
        client, address = self.keys.client(key), _address(request)
        headers = await _passed(self.decide, f"key:{client}" if client else address)
        if client is None and self.keys.need_client(key):
            headers["WWW-Authenticate"] = "ApiKey"
            raise ProblemError(401, "unauthorized", "a valid X-API-Key is needed", headers=headers)
        return client or address, headers


def operator(decide: Decide, token: str) -> Dependency:
    """Return the dependency that lets only the holder of the operator token pass (RFC 6750).

    A request with the token has a limit of its own, all others count for their address: who shares that
    address (of a proxy) must not lock operators out.
    """

    async def authorized(request: Request, response: Response, credentials: Credentials) -> None:
        # Starlette reads headers as Latin-1: encoded so, they are the bytes that were sent.
        sent = credentials.credentials.encode("latin-1") if credentials else b""
        known = bool(token) and hmac.compare_digest(sent, token.encode())
        response.headers.update(await _passed(decide, "operator" if known else _address(request)))
        if not known:
            headers = {"WWW-Authenticate": "Bearer"}
            raise ProblemError(401, "unauthorized", "the operator token is needed", headers=headers)

    return authorized


async def _passed(decide: Decide, counted: str) -> dict[str, str]:
    """Count a request and return the headers of the limit; raise a 429 problem past it."""
    decision = await decide(counted)
    headers = decision.headers()
    if not decision.allowed:
        headers["Retry-After"] = str(max(1, math.ceil(decision.retry_after)))
        raise ProblemError(429, "rate-limited", "too many requests from this client", headers=headers)
    return headers


def _address(request: Request) -> str:
    host = request.client.host if request.client else "unknown"
    if ":" in host:  # of IPv6 the /64: a host chooses addresses within one as it likes
        host = str(IPv6Network((host, 64), strict=False))
    return f"address:{host}"
