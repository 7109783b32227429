"""What the HTTP server makes of requests that are odd, too large, too slow or not HTTP, and how it stops."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from services.common.http import server as http
from services.common.http.server import HEADERS, MAX_HEAD_BYTES, http_server
from tests.unit.wire import GET, Connection, Recorded, Running, serving

POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


def request(path: bytes) -> bytes:
    """Return a request without a body."""
    return GET.replace(b"/echo", path) + b"\r\n"


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    """Serve with the bounds as they are."""
    async with serving() as server:
        yield server


@pytest.fixture
async def connection(server: Running) -> AsyncIterator[Connection]:
    """Connect to it."""
    async with server.connected() as connection:
        yield connection


@pytest.fixture
async def strict(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """Serve with deadlines of 0.3 s."""
    monkeypatch.setattr(http, "SEND_TIMEOUT_SECONDS", 0.3)
    async with serving(keep_alive=0.3) as server:
        yield server


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("head", "body"),
    [
        (POST + UPGRADE + b"Content-Length: 5\r\n\r\n", b"hello"),
        (CHUNKED + UPGRADE + b"\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    ],
)
async def test_a_request_to_upgrade_is_served_with_its_body(
    connection: Connection, head: bytes, body: bytes, *, later: bool
) -> None:
    """Java's client asks every server for HTTP/2 like this; who does not speak it goes on (RFC 9110, 7.8)."""
    await connection.send(*([head, body] if later else [head + body]), GET + b"\r\n")
    assert (await connection.answer())[2] == b"hello"
    assert (await connection.answer())[0] == 200


@pytest.mark.parametrize("wishes", [b"", b"Connection: keep-alive\r\n"])
async def test_an_http_1_0_client_gets_a_stream_without_chunks(connection: Connection, wishes: bytes) -> None:
    """It knows no chunks: the end of the connection is the end of the answer, whatever it wishes."""
    await connection.send(b"GET /stream HTTP/1.0\r\n" + wishes + b"\r\n")
    _, headers = await connection.head()
    assert "transfer-encoding" not in headers
    assert await connection.reader.readexactly(4) == b"data"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("::1", "::1"),
        ("::", "::1"),
        ("::", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - in a test
        ("localhost", "localhost"),
    ],
)
async def test_every_kind_of_address_is_served(host: str, address: str) -> None:
    """IPv6 by itself and for both, and names; the application gets addresses and ports as ASGI has them."""
    async with serving(host) as server, server.connected(address) as connection:
        await connection.send(GET + b"\r\n")
        assert (await connection.answer())[0] == 200
        client, port = server.app.scopes[0]["client"]
        assert client in {address, "127.0.0.1", "::1"}
        assert (port, server.app.scopes[0]["server"][1]) == (
            connection.writer.get_extra_info("sockname")[1],
            server.port,
        )


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"GET /", b"a" * MAX_HEAD_BYTES], id="request line"),
        pytest.param([GET + b"x: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n"], id="one header at once"),
        pytest.param([GET, b"x: ", b"a" * 16_000, b"a" * 1024], id="a header that never ends"),
        pytest.param([GET, b"x" * 16_000, b"x" * 1024], id="a name that never ends"),
        pytest.param([GET, *[b"x: " + b"a" * 1024 + b"\r\n"] * 15, b"x" * 1024], id="many parts"),
        pytest.param([GET, b"a: b\r\n" * 101, b"\r\n"], id="more than 100 headers"),
    ],
)
async def test_a_head_has_a_bound(server: Running, connection: Connection, parts: list[bytes]) -> None:
    """16 KiB and 100 fields, in one piece or in many; then 431, and nothing more is read."""
    await connection.send(*parts)
    assert (await connection.head())[0] == 431
    await connection.closed()
    assert server.app.scopes == []


async def test_what_is_within_the_bounds_is_served(connection: Connection) -> None:
    """Large heads and bodies, and many requests at once, each answered in its turn."""
    await connection.send(GET + b"x: " + b"a" * 15_000 + b"\r\n\r\n", GET + b"a: b\r\n" * 98 + b"\r\n")
    assert [(await connection.answer())[0] for _ in range(2)] == [200, 200]
    await connection.send(CHUNKED + b"\r\n5000\r\n" + b"b" * 0x5000 + b"\r\n0\r\n\r\n")
    assert (await connection.answer())[2] == b"b" * 0x5000
    await connection.send(request(b"/slow") + POST + b"Content-Length: 2\r\n\r\nab" + (GET + b"\r\n") * 40)
    assert [(await connection.answer())[2] for _ in range(42)] == [b"", b"ab", *[b""] * 40]


@pytest.mark.parametrize(
    "data",
    [
        b"hello, is it me\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        GET + b"a\x00b: c\r\n\r\n",
        GET + b"a: b\r\n c\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused(server: Running, connection: Connection, data: bytes) -> None:
    """With 400, before the application is asked."""
    await connection.send(data)
    assert (await connection.head())[0] == 400
    await connection.closed()
    assert server.app.scopes == []


@pytest.mark.parametrize("body", [b"1;" + b"x" * 100_000, b"1\r\na\r\n0\r\nx: " + b"x" * 100_000, b"zz\r\n"])
async def test_a_broken_body_ends_its_connection(connection: Connection, body: bytes) -> None:
    """Chunk extensions and trailers have bounds, too; the application learns that the body is over."""
    await connection.send(CHUNKED + b"\r\n" + body)
    await connection.answer()
    await connection.closed()


async def test_trailers_are_no_headers(server: Running, connection: Connection) -> None:
    """What comes after the body cannot add a key or an id to the request."""
    await connection.send(CHUNKED + b"\r\n1\r\na\r\n0\r\nX-API-Key: forged\r\n\r\n")
    assert (await connection.answer())[2] == b"a"
    assert [name for name, _ in server.app.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize("before", [b"", GET + b"\r\n"])
@pytest.mark.parametrize("sent", [b"", b"G", GET, GET + b"x: "])
async def test_a_head_has_a_deadline(strict: Running, before: bytes, sent: bytes) -> None:
    """Whoever does not go on, or says nothing, is disconnected; also behind an answer."""
    async with strict.connected() as connection:
        await connection.send(before + sent)
        if before:
            assert (await connection.answer())[0] == 200
        await connection.closed()


async def test_a_connection_is_kept_as_long_as_the_setting_says() -> None:
    """A proxy that keeps its connections for less never meets one that was just closed."""
    async with serving(keep_alive=1.5) as server, server.connected() as connection:
        for pause in (1.0, 1.0, 0.0):
            await connection.send(GET + b"\r\n")
            assert (await connection.answer())[0] == 200
            await asyncio.sleep(pause)
        await connection.closed()


async def test_slow_bytes_do_not_extend_the_deadline(strict: Running) -> None:
    """A byte now and then holds a connection no longer than none."""
    began = asyncio.get_running_loop().time()
    async with strict.connected() as connection:
        sending = asyncio.create_task(connection.send(*[b"a"] * 500))
        await connection.closed()
        sending.cancel()
        await asyncio.wait([sending])
        assert asyncio.get_running_loop().time() - began < 2


async def test_an_answer_may_take_longer(strict: Running) -> None:
    """The deadline is the head's; how long an answer takes is the application's business."""
    async with strict.connected() as connection:
        await connection.send(request(b"/hang"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.reader.read(1), 1)


async def test_a_body_is_asked_for(connection: Connection) -> None:
    """A client that waits for `100 Continue` gets it."""
    await connection.send(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert (await connection.head())[0] == 100
    await connection.send(b"ab")
    assert (await connection.answer())[2] == b"ab"


async def test_every_answer_has_the_default_headers(connection: Connection) -> None:
    """It is nothing to run, embed or keep; and does not tell which server this is."""
    await connection.send(GET + b"\r\n")
    _, headers, _ = await connection.answer()
    assert headers.items() >= {(name.decode(), value.decode()) for name, value in HEADERS}


async def test_a_stream_learns_that_its_client_is_gone(server: Running) -> None:
    """Whatever it holds for the client is free again."""
    async with server.connected() as connection:
        await connection.send(request(b"/stream"))
        await connection.reader.readuntil(b"data")
        assert not server.app.ended.is_set()
    await asyncio.wait_for(server.app.ended.wait(), 2)


async def test_a_stream_ends_when_its_client_reads_nothing(strict: Running) -> None:
    """After a while, in which little is kept for it."""
    async with strict.connected() as connection:
        await connection.send(request(b"/flood"))
        await asyncio.wait_for(strict.app.ended.wait(), 5)


async def test_connections_past_the_bound_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until another ends; idle ones do so by their deadline."""
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 1)
    async with serving(keep_alive=0.5) as server, server.connected() as first, server.connected() as second:
        await first.send(GET + b"\r\n")
        await second.send(GET + b"\r\n")
        assert (await first.answer())[0] == 200
        assert len(server.app.scopes) == 1
        assert (await second.answer())[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
async def test_a_port_that_is_taken_is_named(host: str) -> None:
    """In one line, whoever listens there: two services would otherwise share it without a word."""
    async with serving() as server:
        taken = rf"^\[Errno \d+\] cannot serve HTTP on {host} port {server.port}: "
        with pytest.raises(OSError, match=taken):
            await _served(server.port, host)
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(OSError, match="cannot serve HTTP on"),
    ):
        await _served(other.getsockname()[1], host)


async def _served(port: int, host: str = "127.0.0.1") -> None:
    async with http_server(Recorded(), host=host, port=port, keep_alive=1, shutdown_timeout=1):
        pytest.fail("it serves")


async def test_a_stop_waits_for_answers() -> None:
    """What was asked is answered; idle connections are closed, and no new ones accepted."""
    async with serving(shutdown_timeout=5) as server:
        stack = server.connected()
        connection = await stack.__aenter__()
        await connection.send(request(b"/slow"))
    assert (await connection.answer())[0] == 200
    await connection.closed()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)
    await stack.__aexit__(None, None, None)


@pytest.mark.parametrize(
    "open_request", [request(b"/hang"), request(b"/stream"), GET, POST + b"Content-Length: 9\r\n\r\n"]
)
async def test_a_stop_is_bounded(open_request: bytes) -> None:
    """Requests, streams, halves of heads and of bodies that do not end are ended by the deadline."""
    async with serving(shutdown_timeout=0.2) as server:
        stack = server.connected()
        connection = await stack.__aenter__()
        await connection.send(open_request)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 2
    assert server.app.ended.is_set() or open_request == GET
    await stack.__aexit__(None, None, None)
