"""The proxy: forwards faithfully, and cuts, delays and stalls on demand."""

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from resilience.chaos.proxy import Proxy
from stack.ports import free_port
from tests.servers import eventually

HOST = "127.0.0.1"


@asynccontextmanager
async def proxied() -> AsyncIterator[tuple[Proxy, list[str], int]]:
    """Run a proxy before a server that sends back what it gets, in capitals; yield how connections ended."""
    ended = list[str]()

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data.upper())
            ended.append("end")
        except ConnectionResetError:
            ended.append("reset")
        writer.close()

    port, upstream = free_port(), free_port()
    proxy = Proxy(port, upstream)
    async with await asyncio.start_server(serve, HOST, upstream):
        await proxy.open()
        try:
            yield proxy, ended, port
        finally:
            await proxy.cut()


@asynccontextmanager
async def dial(port: int) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """Connect as a client."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ask(client: tuple[StreamReader, StreamWriter], text: bytes = b"hello") -> bytes:
    """Send something and return the answer; fail after a second."""
    client[1].write(text)
    return await asyncio.wait_for(client[0].readexactly(len(text)), 1)


async def test_it_forwards_everything_and_then_the_end() -> None:
    """Both directions, in order, more than one chunk, several clients; an orderly end is no reset."""
    async with proxied() as (proxy, ended, port), dial(port) as a, dial(port) as b, dial(port) as c:
        clients = (a, b, c)
        text = b"abc" * 100_000
        answers = await asyncio.gather(*(ask(client, text) for client in clients))
        assert answers == [text.upper()] * 3
        assert proxy.connections == 3
        for _, writer in clients:
            writer.close()
        await eventually(lambda: len(ended) == 3 and not proxy.connections)
        assert ended == ["end"] * 3


async def test_cutting_resets_both_sides_and_refuses_until_opened() -> None:
    """Client and server see a reset, new clients a refusal; afterwards all is well."""
    async with proxied() as (proxy, ended, port), dial(port) as client:
        await ask(client)
        await proxy.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(client[0].read(), 1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)
        await eventually(lambda: ended == ["reset"] and not proxy.connections)
        await proxy.open()
        async with dial(port) as another:
            assert await ask(another) == b"HELLO"


async def test_a_delay_is_added_each_way() -> None:
    """A request and its answer take twice the latency, and nothing once it is taken away."""
    async with proxied() as (proxy, _, port), dial(port) as client:
        proxy.delay_seconds = 0.2
        began = time.monotonic()
        assert await ask(client) == b"HELLO"
        assert 0.4 <= time.monotonic() - began < 0.8
        proxy.delay_seconds = 0
        await ask(client)
        began = time.monotonic()
        await ask(client)
        assert time.monotonic() - began < 0.2


async def test_stalling_holds_everything_and_loses_nothing() -> None:
    """Connections stay, new ones are taken, all that was sent arrives in the end; the stalled can be cut."""
    async with proxied() as (proxy, _, port), dial(port) as client:
        await ask(client)
        proxy.flowing.clear()
        async with dial(port) as late:
            for waiting in (client, late):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(ask(waiting), 0.2)
            proxy.flowing.set()
            for waiting in (client, late):
                assert await asyncio.wait_for(waiting[0].readexactly(5), 1) == b"HELLO"
        proxy.flowing.clear()
        client[1].write(b"never")
        await asyncio.wait_for(proxy.cut(), 1)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(client[0].read(), 1)


async def test_without_a_server_the_client_is_reset() -> None:
    """As good as a refusal, and the proxy lives on."""
    port = free_port()
    proxy = Proxy(port, free_port())
    await proxy.open()
    try:
        for _ in range(2):
            async with dial(port) as client:
                with pytest.raises(ConnectionResetError):
                    await asyncio.wait_for(client[0].read(), 1)
    finally:
        await proxy.cut()
