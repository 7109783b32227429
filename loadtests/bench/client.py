"""An HTTP client that costs little: on two cores the generator's time is the servers', too."""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from contextlib import closing

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


class Answer:
    """Collects an answer; httptools calls its methods."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.body, self.complete = b"", False

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """Note the end."""
        self.complete = True


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
                parser = httptools.HttpResponseParser(answer := Answer())
                while not answer.complete:
                    if not (received := await reader.read(65536)):
                        raise StackError("the api closed a connection")
                    parser.feed_data(received)
                if parser.get_status_code() not in {200, 202}:
                    raise StackError(f"the api answered {parser.get_status_code()}: {answer.body!r}")
                answers.append((time.perf_counter() - began, answer.body))

    try:
        async with asyncio.timeout(seconds + 30), asyncio.TaskGroup() as group:
            for _, port in zip(range(clients), itertools.cycle(ports), strict=False):
                group.create_task(client(port))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return answers
