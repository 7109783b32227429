"""What the server makes of heads that are too large, too slow or broken."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from structlog.testing import capture_logs
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from services.common.http import ordered, protocol
from services.common.http import server as http
from tests.unit.wire import GET, Connection, Server, serving

LIMIT = protocol.MAX_HEAD_BYTES
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

STREAM = GET.replace(b"/echo", b"/stream") + b"\r\n"
SLOW = GET.replace(b"/echo", b"/slow") + b"\r\n"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Serve with the bounds as they are."""
    async with serving() as server:
        yield server


@pytest.fixture
async def connection(server: Server) -> AsyncIterator[Connection]:
    """Connect to it."""
    async with server.connected() as connection:
        yield connection


@pytest.fixture
async def strict(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """Serve with a deadline of 0.3 s instead of 10 s."""
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_SECONDS", 0.3)
    async with serving() as server:
        yield server


def header(size: int) -> bytes:
    """Return a header line of that many bytes."""
    return b"x: " + b"a" * (size - 5) + b"\r\n"


BAD_CHUNK = CHUNKED + b"qq\r\n"
TOO_MANY = GET + b"a: b\r\n" * 101 + b"\r\n"
TOO_LARGE = GET + header(LIMIT) + b"\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"GET /", b"a" * LIMIT, b" HTTP/1.1\r\nHost: x\r\n\r\n"], id="request line"),
        pytest.param([GET + header(LIMIT) + b"\r\n"], id="one header at once"),
        pytest.param([GET, b"x: ", b"a" * LIMIT, b"a"], id="one header that never ends"),
        pytest.param([GET, b"x", b"x" * LIMIT, b"x"], id="a name that never ends"),
        pytest.param([GET, *[header(1_024)] * 17], id="many parts"),
        pytest.param([GET, b"a: b\r\n" * 101, b"\r\n"], id="101 headers"),
        pytest.param([b"\r\n" * LIMIT], id="empty lines"),
        pytest.param([CHUNKED, b"1;", b"x" * LIMIT, b"x"], id="a chunk extension that never ends"),
        pytest.param([CHUNKED, b"1\r\na\r\n0\r\nx: ", b"a" * LIMIT, b"a"], id="a trailer that never ends"),
        pytest.param([CHUNKED, b"0\r\n", header(LIMIT), b"\r\n"], id="a trailer at once"),
        pytest.param([CHUNKED, b"0\r\n", *[header(1_024)] * 17], id="many trailers"),
        pytest.param([GET + header(LIMIT // 2), header(LIMIT // 2) + b"\r\n"], id="two parts"),
    ],
)
async def test_a_head_has_an_end(connection: Connection, parts: list[bytes]) -> None:
    """16 KiB or 100 fields, in one piece or in many, trailers and chunk extensions included: then 431."""
    await connection.send(*parts)
    status, problem = await connection.problem()
    assert (status, problem["type"]) == (431, "urn:orderscope:problem:headers-too-large")


async def test_pipelining_gets_nobody_past_the_bound(connection: Connection) -> None:
    """A head that begins in the same bytes as another request ends is measured from its beginning."""
    await connection.send(GET + b"\r\n" + GET + header(LIMIT // 2), header(LIMIT // 2) + b"\r\n")
    assert (await connection.answer())[0] == 200
    assert (await connection.problem())[0] == 431


async def test_what_is_within_the_bounds_passes(server: Server, connection: Connection) -> None:
    """The largest head, long pipelines and large bodies are served, several on one connection."""
    full = GET + b"".join(header(1_000) for _ in range(16))
    await connection.send(full[:9_000], full[9_000:] + b"\r\n")
    assert (await connection.answer())[0] == 200
    await connection.send(GET + b"a: b\r\n" * 99 + b"\r\n")
    assert (await connection.answer())[0] == 200
    await connection.send((GET + header(1_000) + b"\r\n") * 40)
    assert [(await connection.answer())[0] for _ in range(40)] == [200] * 40
    await connection.send(CHUNKED, b"5000\r\n" + b"b" * 0x5000 + b"\r\n0\r\n\r\n")
    assert (await connection.answer())[2] == b"b" * 0x5000
    assert len(server.app.scopes) == 43


async def test_trailers_are_no_headers(server: Server, connection: Connection) -> None:
    """What comes after the body cannot add a key or an id to the request."""
    await connection.send(CHUNKED + b"1\r\na\r\n0\r\nX-API-Key: forged\r\n\r\n")
    assert (await connection.answer())[2] == b"a"
    assert [name for name, _ in server.app.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize(
    "data",
    [
        b"hello, is it me\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        CHUNKED + b"zz\r\n",
        GET + b"a\x00b: c\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem(connection: Connection, data: bytes) -> None:
    """400, in the form that every problem has; the log line has its id and nothing of what was sent."""
    with capture_logs() as logs:
        await connection.send(data)
        status, problem = await connection.problem()
    assert (status, problem["type"]) == (400, "urn:orderscope:problem:malformed-http")
    [line] = logs
    assert line == {
        "event": "request refused",
        "reason": "malformed-http",
        "correlation_id": problem["correlation_id"],
        "log_level": "warning",
    }


@pytest.mark.parametrize("sent", [b"G", GET, GET + b"x: ", b"\r\n"])
async def test_a_head_has_a_deadline(strict: Server, sent: bytes) -> None:
    """Whoever began a request and does not go on gets 408."""
    async with strict.connected() as connection:
        await connection.send(sent)
        assert (await connection.problem())[0] == 408


async def test_dribbling_does_not_move_the_deadline(strict: Server) -> None:
    """A byte now and then is not enough, neither on a new connection nor after an answer."""
    async with strict.connected() as connection:
        for _ in range(2):
            await connection.send(GET + b"\r\n")
            assert (await connection.answer())[0] == 200
        refused = asyncio.create_task(connection.problem())
        sent = 0
        while not refused.done() and sent < 200:
            await connection.send(GET[sent : sent + 1] or b"a")
            sent += 1
        assert sent < 200
        assert (await refused)[0] == 408


async def test_a_connection_without_a_byte_is_closed(strict: Server) -> None:
    """Nothing was asked, nothing is answered."""
    async with strict.connected() as connection:
        await connection.closed()


async def test_an_answer_may_take_longer(strict: Server) -> None:
    """The deadline is the head's; what an application does with it is the application's."""
    async with strict.connected() as connection:
        await connection.send(GET.replace(b"/echo", b"/hang") + b"\r\n" + GET)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.reader.read(1), 1)


async def test_a_body_that_nobody_reads_has_a_deadline(strict: Server) -> None:
    """After an early answer, sending the body for ever holds nothing for ever."""
    async with strict.connected() as connection:
        await connection.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n")
        assert (await connection.answer())[0] == 200
        began = asyncio.get_running_loop().time()
        with suppress(ConnectionError):
            while not connection.reader.at_eof() and asyncio.get_running_loop().time() - began < 2:
                await connection.send(b"b")
        assert 0.2 < asyncio.get_running_loop().time() - began < 2


async def test_a_body_that_ends_after_its_answer_leaves_the_connection_usable(
    server: Server, connection: Connection
) -> None:
    """The rest of the body is no reason to hang up, and the next request is served."""
    await connection.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
    assert (await connection.answer())[0] == 200
    await connection.send(b"ab", b"cd", GET + b"\r\n")
    assert (await connection.answer())[0] == 200
    assert len(server.app.scopes) == 2


@pytest.mark.parametrize("path", [b"/hang", b"/stream"])
@pytest.mark.parametrize("next_one", [b"rubbish\r\n\r\n", BAD_CHUNK, TOO_MANY, TOO_LARGE])
async def test_no_answer_is_written_into_another(
    server: Server, connection: Connection, path: bytes, next_one: bytes
) -> None:
    """What cannot be read behind a request that is being served adds nothing to its answer."""
    await connection.send(GET.replace(b"/echo", path) + b"\r\n", next_one, GET + b"\r\n")
    seen = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            while data := await connection.reader.read(65_536):
                seen += data
    assert seen.count(b"HTTP/1.1") == (path == b"/stream")
    assert b"problem" not in seen
    assert len(server.app.scopes) == 1


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(
    ("last", "status"),
    [(b"rubbish\r\n\r\n", 400), (BAD_CHUNK, 400), (TOO_MANY, 431), (TOO_LARGE, 431)],
)
async def test_what_came_before_is_answered_before_the_refusal(
    connection: Connection, last: bytes, status: int, *, apart: bool
) -> None:
    """In order, each once: a client must be able to tell which of its requests was refused."""
    good = [SLOW, GET + b"\r\n"]
    parts = [*good, last, GET + b"\r\n"]
    await connection.send(*(parts if apart else [b"".join(parts)]))
    assert [(await connection.answer())[0] for _ in good] == [200, 200]
    assert (await connection.problem())[0] == status


@pytest.mark.parametrize("reads", ["sent apart", "sent together"])
@pytest.mark.parametrize(
    ("behind", "answers"),
    [
        pytest.param([], 1, id="nothing"),
        pytest.param([SLOW, GET + b"\r\n", SLOW], 4, id="three more"),
        pytest.param([GET], 1, id="half a head"),
        pytest.param([GET + b"\r\n", CHUNKED + b"2\r\na"], 2, id="another, and half a body"),
    ],
)
async def test_who_closes_its_half_gets_the_answers_to_what_it_asked(
    connection: Connection, behind: list[bytes], answers: int, reads: str
) -> None:
    """Each in its turn, and nothing else; then the connection is closed."""
    parts = [SLOW, *behind]
    await connection.send(*(parts if reads == "sent apart" else [b"".join(parts)]))
    connection.writer.write_eof()
    assert [(await connection.answer())[0] for _ in range(answers)] == [200] * answers
    await connection.closed()


@pytest.mark.parametrize("last", [b"rubbish\r\n\r\n", BAD_CHUNK])
@pytest.mark.parametrize("before", [1, 2])
async def test_who_closes_its_half_hears_why_it_was_refused(
    connection: Connection, before: int, last: bytes
) -> None:
    """After the answers to what came before."""
    await connection.send(SLOW * before + last)
    connection.writer.write_eof()
    assert [(await connection.answer())[0] for _ in range(before)] == [200] * before
    assert (await connection.problem())[0] == 400


async def test_who_closes_its_half_gets_all_of_a_long_answer(connection: Connection) -> None:
    """Also when it has begun already."""
    await connection.send(GET.replace(b"/echo", b"/flood") + b"\r\n")
    connection.writer.write_eof()
    assert len((await connection.answer())[2]) == 64 * 2**20


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param([CHUNKED + b"2\r\na"], id="a body of which no more comes"),
        pytest.param([STREAM], id="a stream"),
        pytest.param([STREAM, b"rubbish\r\n\r\n"], id="a stream, and what is to be refused"),
        pytest.param([SLOW + STREAM], id="a stream that begins later"),
        pytest.param([SLOW + STREAM + b"rubbish\r\n\r\n"], id="one that begins later, and a refusal"),
    ],
)
async def test_who_closes_its_half_ends_what_would_go_on(
    server: Server, connection: Connection, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client may as well be gone."""
    monkeypatch.setattr(ordered, "HALF_CLOSED_SECONDS", 0.3)
    await connection.send(*asked)
    server.app.ended.clear()
    connection.writer.write_eof()
    await asyncio.wait_for(server.app.ended.wait(), 2)
    async with asyncio.timeout(2):
        await connection.reader.read()


@pytest.mark.parametrize("first", [GET + b"\r\n", SLOW])
async def test_only_so_many_requests_wait(server: Server, connection: Connection, first: bytes) -> None:
    """One read brings thousands; those before the bound are answered, whoever sent more is told so."""
    await connection.send(first + (GET + b"\r\n") * 5_000)
    answered = protocol.MAX_PIPELINED + 1
    assert [(await connection.answer())[0] for _ in range(answered)] == [200] * answered
    assert (await connection.problem())[0] == 429
    assert len(server.app.scopes) == answered


@pytest.mark.parametrize("end", ["closed", "half closed", "refused"])
async def test_what_waited_goes_with_its_connection(
    server: Server, connection: Connection, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: the garbage collector looks for circles hardly ever."""
    monkeypatch.setattr(ordered, "HALF_CLOSED_SECONDS", 0.1)
    last = BAD_CHUNK if end == "refused" else CHUNKED
    gc.collect()
    gc.disable()
    try:
        await connection.send(STREAM + (GET + b"\r\n") * 50 + last)
        assert sum(isinstance(one, RequestResponseCycle) for one in gc.get_objects()) > 50
        connection.writer.write_eof() if end == "half closed" else connection.writer.close()
        await asyncio.wait_for(server.app.ended.wait(), 2)
        await asyncio.sleep(0.05)
        assert sum(isinstance(one, RequestResponseCycle) for one in gc.get_objects()) <= 1
    finally:
        gc.enable()


async def test_other_protocols_are_not_spoken(connection: Connection) -> None:
    """A request to upgrade is served as it stands (RFC 9110, 7.8), and is the connection's last."""
    with capture_logs() as logs:
        await connection.send(GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        status, headers, _ = await connection.answer()
        await connection.closed()
    assert (status, headers["connection"], logs) == (200, "close", [])


async def test_too_many_connections_get_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound 503, in the same form, with the time to come back."""
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 1)
    async with serving() as server, server.connected() as connection:
        await connection.send(GET + b"\r\n")
        status, headers, _ = await connection.answer()
        assert (status, headers["retry-after"]) == (503, "1")
        assert headers["content-type"] == "application/problem+json"


async def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is given up after a while, and what was kept for it is free again."""
    monkeypatch.setattr(http, "READ_TIMEOUT_SECONDS", 0.5)
    async with serving() as server, server.connected(reading=False) as connection:
        await connection.send(GET.replace(b"/echo", b"/flood") + b"\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.app.ended.wait(), 0.3)
        await asyncio.wait_for(server.app.ended.wait(), 5)


async def test_a_stream_ends_with_its_connection_whatever_was_asked_behind_it(
    server: Server, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that waits for its turn keeps nobody from hearing that the client is gone."""
    await connection.send(STREAM + GET + b"\r\n")
    await connection.reader.readuntil(b"data")
    connection.writer.close()
    await asyncio.wait_for(server.app.ended.wait(), 2)
    await asyncio.sleep(0)
    assert (len(server.app.scopes), caplog.records) == (1, [])
