"""Requests to an application of the development backends, without a server."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

import orjson
from starlette.types import ASGIApp, Message, Scope

_DEADLINE_SECONDS = 20


@dataclass
class Answer:
    """What the application sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:  # noqa: ANN401 -- a test knows what it expects
        """Decode the body."""
        return orjson.loads(self.body)

    async def take(self, message: Message) -> None:
        """Take what an ASGI application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")


@dataclass(frozen=True)
class Client:
    """Sends requests to one application; an exception in it is an exception here."""

    app: ASGIApp

    async def get(self, path: str, **query: str) -> Answer:
        """Send a GET."""
        return await self.send("GET", path, query=query)

    async def send(  # noqa: PLR0913  # the parts of a request
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        chunks: Sequence[bytes] = (),
        finished: bool = True,
    ) -> Answer:
        """Send a request whose body comes in chunks, of which the last may fail to come."""
        scope = {
            **_scope(method, path),
            "query_string": urlencode(query or {}).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        answer, body = Answer(), _Body([*chunks, b""] if finished else [*chunks])
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await self.app(scope, body.next, answer.take)
        return answer


def _scope(method: str, path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
    }


class _Body:
    """The chunks of a request, an empty one at its end, and then a client that waits for its answer."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._left = list(chunks)

    async def next(self) -> Message:
        if not self._left:
            await asyncio.Event().wait()
        chunk = self._left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}
