"""An HTTP client that costs little: on two cores the generator's time is the servers', too."""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from types import SimpleNamespace

import httptools

from stack.errors import StackError

ORDER = json.dumps(
    {
        "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "items": [{"sku": "espresso-beans", "quantity": 2}, {"sku": "moka-pot", "quantity": 1}],
        "payment": {"token": "tok_visa"},
    }
)
HEAD = " HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n"
BODY_HEAD = f"{HEAD}Content-Type: application/json\r\nContent-Length: {len(ORDER)}\r\n"
POST = f"POST /v1/orders{BODY_HEAD}\r\n{ORDER}".encode()


async def send(
    requests: Sequence[bytes], ports: Sequence[int], clients: int, seconds: float
) -> list[tuple[float, bytes]]:
    """Send requests in turn for so many seconds, one after the other on each of several connections.

    Returns how long each answer took, in seconds, and its body.

    Raises:
        StackError: An answer was no success, or a connection broke.
    """
    answers, end = list[tuple[float, bytes]](), time.perf_counter() + seconds
    turns = itertools.cycle(requests)

    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            while (began := time.perf_counter()) < end:
                writer.write(next(turns))
                parts, ended = list[bytes](), list[int]()
                note_end = partial(ended.append, 1)
                calls = SimpleNamespace(on_body=parts.append, on_message_complete=note_end)
                parser = httptools.HttpResponseParser(calls)
                while not ended:
                    if not (received := await reader.read(65536)):
                        raise StackError("the api closed a connection")
                    parser.feed_data(received)
                if (status := parser.get_status_code()) not in {200, 202}:
                    raise StackError(f"the api answered {status}: {b''.join(parts)!r}")
                answers.append((time.perf_counter() - began, b"".join(parts)))

    try:
        async with asyncio.timeout(seconds + 30), asyncio.TaskGroup() as group:
            for _, port in zip(range(clients), itertools.cycle(ports), strict=False):
                group.create_task(client(port))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return answers
