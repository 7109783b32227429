"""Serving ASGI with Granian inside a lifetime. Why Granian: docs/decisions/0014-http-server.md."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_HEAD_BYTES = 16 * 1024
"""Of a request line with its headers; a larger one, or one of more than 100 fields, is answered 431."""
MAX_CONNECTIONS = 4096
"""Past them clients wait until a connection ends."""
SEND_TIMEOUT_SECONDS = 30.0
"""How long a client of a stream may read nothing."""
START_TIMEOUT_SECONDS = 10.0
CANCEL_TIMEOUT_SECONDS = 1.0
HEADERS = (
    (b"server", b"orderscope"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""On every answer that does not set them itself: data for its client, not to be run, embedded or stored."""
# Granian would install log handlers of its own.
LOGGING = {"version": 1, "incremental": True, "formatters": {}, "handlers": {}, "loggers": {}}


@asynccontextmanager
async def http_server(
    app: ASGIApp, *, host: str, port: int, keep_alive: float, shutdown_timeout: float
) -> AsyncIterator[None]:
    """Serve the app while the block runs; on leaving, finish open requests within the deadline (seconds).

    Granian has one timer for idle connections and for slow heads: `keep_alive` is the time (seconds) from the
    start of a connection, or the answer before, to the end of a head.

    Raises:
        OSError: The address cannot be bound.
    """
    requests = Requests(app)
    server = Server(
        requests,
        address=free_address(host, port),
        port=port,
        interface=Interfaces.ASGINL,  # lifetimes are the composition root's
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        backpressure=MAX_CONNECTIONS,
        http1_settings=HTTP1Settings(
            header_read_timeout=round(keep_alive * 1000), max_buffer_size=MAX_HEAD_BYTES
        ),
        log_level=LogLevels.error,
        log_dictconfig=LOGGING,
    )
    listening = asyncio.Event()
    server.on_startup(listening.set)
    task = asyncio.create_task(server.serve(), name="http")
    try:
        await _either(task, listening.wait(), START_TIMEOUT_SECONDS)
        yield
    finally:
        for end, seconds in (
            (server.stop, shutdown_timeout),
            (requests.cancel, CANCEL_TIMEOUT_SECONDS),
            (task.cancel, CANCEL_TIMEOUT_SECONDS),  # leaves connections that are in the middle of a head
        ):
            end()
            if (await asyncio.wait([task], timeout=seconds))[0]:
                break


def free_address(host: str, port: int) -> str:
    """Return the IP address of a host, after a look whether its port is free.

    Granian takes addresses only, and sets SO_REUSEPORT: two services could share a port without an error.

    Raises:
        OSError: The host has no address here, or its port is taken.
    """
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        both = family == socket.AF_INET6  # Granian serves IPv4 on `::`, too
        socket.create_server(address[:2], family=family, dualstack_ipv6=both).close()
    except (OSError, UnicodeError) as error:
        number, why = (error.errno, error.strerror) if isinstance(error, OSError) else (0, "it is no name")
        raise OSError(number, f"cannot serve HTTP on {host} port {port}: {why}") from None
    return str(address[0])


async def _either(task: asyncio.Task[None], condition: Awaitable[object], seconds: float) -> None:
    """Wait for a condition; raise what ended the task before it came true."""
    waiting = asyncio.ensure_future(condition)
    try:
        async with asyncio.timeout(seconds):
            await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            raise OSError("the HTTP server ended while it started") from task.exception()
    finally:
        waiting.cancel()


class Requests:
    """The application as the server calls it; knows what is being served, so that a stop can cancel it."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self._app = app
        self._tasks: set[asyncio.Task[object] | None] = set()

    def cancel(self) -> None:
        """Cancel what is being served."""
        for task in self._tasks:
            if task is not None:
                task.cancel("the service stops")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; its answer gets the headers that it lacks."""
        # Granian gives ports as text, and shows IPv4 clients of a socket for both as IPv6.
        for side in ("client", "server"):
            address, port = scope[side]
            scope[side] = address.removeprefix("::ffff:"), int(port)

        def answer(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                missing = [header for header in HEADERS if header[0] not in given]
                message["headers"] = [*message["headers"], *missing]
            elif message.get("more_body"):
                return _in_time(send(message))
            return send(message)

        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await self._app(scope, receive, answer)
        finally:
            self._tasks.discard(task)


async def _in_time(sending: Awaitable[None]) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
        await sending
