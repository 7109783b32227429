"""Calling an ASGI app without a server."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Scope

Headers = Iterable[tuple[str, str]]


@dataclass
class Answer:
    """What an app sent."""

    messages: list[Message] = field(default_factory=list)
    raised: Exception | None = None

    @property
    def status(self) -> int:
        """Return the status code."""
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        """Return the whole body."""
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Return the body's document."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """Return a header; fails when there are several."""
        values = [v.decode() for n, v in self.messages[0]["headers"] if n.decode().lower() == name]
        assert len(values) <= 1
        return values[0] if values else None


def http_scope(method: str, path: str, headers: Headers = (), query: bytes = b"") -> Scope:
    """Return a request's scope as a server makes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("10.0.0.9", 40_000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "state": {},
    }


async def call(app: ASGIApp, scope: Scope, *chunks: bytes) -> Answer:
    """Send a request with a body in chunks and return the answer, the error of the app included."""
    answer = Answer()
    waiting: list[Message] = [{"type": "http.request", "body": c, "more_body": True} for c in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()  # a client that stays
        return waiting.pop(0)

    async def send(message: Message) -> None:
        answer.messages.append(dict(message))

    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - as a server would
        answer.raised = error
    return answer
