"""Lua scripts, called many at a time: what comes while Redis is busy with some goes out together after them.

A call of redis-py costs about 160 µs of CPU by itself, and a tenth of that as one of many that go together.
Nobody waits for others to come: the first call goes out in the event loop's next turn, those that come until
its answer is there go next.
"""

import asyncio
import math
from collections import deque
from collections.abc import Mapping, Sequence
from contextvars import Context
from hashlib import sha1
from typing import Any, cast

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

MOST = 100
"""Calls that go together: their answers come after the last one was run."""
PROGRESS = 10
"""So many answers show that Redis is at work."""

Argument = str | bytes | float


class Call:
    """One call of a script, and its answer to be."""

    __slots__ = ("answer", "command", "name")

    def __init__(self, name: str, digest: str, keys: Sequence[str], args: Sequence[Argument]) -> None:
        """Keep what is to be sent."""
        self.name = name
        texts = [repr(arg) if type(arg) is float else arg for arg in args]
        command: tuple[Any, ...] = ("EVALSHA", digest, len(keys), *keys, *texts)
        self.command = pack_command(command)
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def settle(self, reply: object) -> None:
        """Hand the reply, or the error, to who waits for it, if anybody still does."""
        if self.answer.done():
            return
        if isinstance(reply, BaseException):
            self.answer.set_exception(reply)
        else:
            self.answer.set_result(reply)


class Scripts:
    """Runs a service's scripts by name; see `RunScript`."""

    def __init__(self, client: Redis, sources: Mapping[str, str]) -> None:
        """Keep the client, whose rules on repeating and on deadlines hold for each batch."""
        self._client = client
        self._sources = sources
        self._digests = {name: sha1(text.encode()).hexdigest() for name, text in sources.items()}  # noqa: S324 - as Redis names them
        self._waiting: deque[Call] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:  # noqa: ANN401 - see RunScript
        """Return the script's reply; raises `redis.RedisError`."""
        call = Call(name, self._digests[name], keys, args)
        self._waiting.append(call)
        if self._sending is None:
            # In no one's context: it sends on behalf of many.
            self._sending = asyncio.create_task(self._send(), name="scripts", context=Context())
        return await call.answer

    async def _send(self) -> None:
        batch: list[Call] = []
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
                await self._run(batch)
        except BaseException as error:  # a bug, or the end of the event loop: nobody may wait for ever
            for call in (*batch, *self._waiting):
                call.settle(error)
            self._waiting.clear()
            raise
        finally:
            self._sending = None

    async def _run(self, batch: Sequence[Call]) -> None:
        try:
            unknown = await self._execute(batch)
            if unknown:
                for name in {call.name for call in unknown}:
                    await self._client.script_load(self._sources[name])
                for call in await self._execute(unknown):
                    call.settle(NoScriptError(f"Redis forgot the script {call.name} at once"))
        except RedisError as error:
            # Who came meanwhile has waited as long: each batch in turn, many would wait for many deadlines.
            for call in (*batch, *self._waiting):
                call.settle(error)
            self._waiting.clear()

    async def _execute(self, batch: Sequence[Call]) -> list[Call]:
        """Run a batch and settle its calls; return those whose script the server does not know."""
        payload = b"".join([call.command for call in batch])
        pool: Any = self._client.connection_pool
        connection = await pool.get_connection()
        try:
            replies: list[Any] = await connection.retry.call_with_retry(
                lambda: _exchange(connection, payload, len(batch)), lambda _: connection.disconnect()
            )
        finally:
            await pool.release(connection)
        unknown = []
        for call, reply in zip(batch, replies, strict=True):
            if isinstance(reply, NoScriptError):
                unknown.append(call)
            else:
                call.settle(reply)
        return unknown


async def _exchange(connection: AbstractConnection, payload: bytes, replies: int) -> list[object]:
    """Send commands and return their replies, errors of single commands among them.

    This is what redis-py's pipeline does, without packing each command in Python, and with one timer: one for
    each reply takes longer than the reply. It is put off as replies come, so that it is about a server that
    has nothing to say, not about one that is slow.
    """
    await connection.send_packed_command(payload)
    found: list[object] = []
    clock, patience = asyncio.get_running_loop().time, cast("float", connection.socket_timeout)
    try:
        async with asyncio.timeout_at(clock() + patience) as deadline:
            while len(found) < replies:
                found.append(await _reply(connection))
                if len(found) % PROGRESS == 0:
                    deadline.reschedule(clock() + patience)
    except TimeoutError as error:
        await connection.disconnect(nowait=True)
        raise RedisTimeoutError(f"{len(found)} of {replies} answers came in time") from error
    return found


async def _reply(connection: AbstractConnection) -> object:
    """Return a reply, or a command's error.

    Raises:
        TimeoutError: The system gave the connection up, which redis-py says by None; no script returns that.
    """
    try:
        reply: object = await connection.read_response(timeout=math.inf)
    except ResponseError as error:
        return error
    if reply is None:
        raise TimeoutError
    return reply
