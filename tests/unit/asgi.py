"""Requests to an ASGI application without a server."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

import orjson
from starlette.types import ASGIApp, Message

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


@dataclass(frozen=True)
class Client:
    """Sends requests to one application; an exception in it is an exception here."""

    app: ASGIApp

    async def get(self, path: str, **query: str) -> Answer:
        """Send a GET; in names of parameters ``__`` stands for a dot."""
        return await self.send("GET", path, query={name.replace("__", "."): query[name] for name in query})

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        chunks: Sequence[bytes] = (),
    ) -> Answer:
        """Send a request whose body comes in chunks."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": urlencode(query or {}).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        answer = Answer()
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await self.app(scope, _Body(chunks).receive, _collector(answer))
        return answer


class _Body:
    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._left = list(chunks) or [b""]

    async def receive(self) -> Message:
        if not self._left:
            await asyncio.Event().wait()  # a client that waits for its answer
        chunk = self._left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(self._left)}


def _collector(answer: Answer) -> Any:  # noqa: ANN401 -- ASGI's send
    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    return send
