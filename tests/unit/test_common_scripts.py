"""Calls of scripts, sent together: each gets its own answer, and nobody waits for ever."""

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TYPE_CHECKING, Any, cast

import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as LateError

from services.common.redis import scripts as scripts_module
from services.common.redis.scripts import Scripts

if TYPE_CHECKING:
    from redis.asyncio import Redis


def _commands(payload: bytes) -> Iterator[list[str]]:
    """Yield the commands in what was sent: arrays of bulk strings."""
    parts = payload.decode().split("\r\n")
    while parts[0]:
        count = int(parts.pop(0)[1:])
        yield parts[1 : 2 * count : 2]
        del parts[: 2 * count]


SOURCES = {"add": "return ARGV[1]", "fail": "return error"}
NAMES = {sha1(text.encode()).hexdigest(): name for name, text in SOURCES.items()}  # noqa: S324 - as Redis names them


@dataclass
class Server:
    """Stands for a Redis client, its connections and the server: remembers what went together."""

    batches: list[list[str]] = field(default_factory=list)
    known: set[str] = field(default_factory=lambda: {"add", "fail"})
    error: BaseException | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)
    replies: list[Any] = field(default_factory=list)
    held: int = 0
    """Connections that were taken and not given back."""
    socket_timeout: float = 5.0
    silent_at: int | None = None
    """When so many replies are left, they do not come."""
    pace: float = 0.0
    """Seconds that each reply takes."""
    given_up: bool = False
    """Whether the system has lost the connection while a reply was awaited."""
    disconnected: int = 0

    def __post_init__(self) -> None:
        """Answer at once, unless told otherwise; stand for pool and connection, too."""
        self.open.set()
        self.connection_pool = self
        self.retry = Retry(NoBackoff(), 1, (LostError,))

    async def get_connection(self) -> "Server":
        """Return itself as a connection."""
        self.held += 1
        return self

    async def release(self, _: object) -> None:
        """Take the connection back."""
        self.held -= 1

    async def disconnect(self, **_: bool) -> None:
        """Forget what was not read."""
        self.disconnected += 1
        self.replies.clear()

    async def send_packed_command(self, payload: bytes) -> None:
        """Run what is sent."""
        commands = list(_commands(payload))
        self.batches.append([NAMES[digest] for _, digest, *_ in commands])
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.replies = [self._run(NAMES[digest], args) for _, digest, _, *args in commands]

    async def read_response(self, *, timeout: float) -> Any:  # noqa: ANN401, ASYNC109 - a reply; redis-py's own
        """Return the next reply, or raise it; once silent, wait for one as long as it is asked to."""
        if len(self.replies) == self.silent_at:
            await asyncio.wait_for(asyncio.Event().wait(), None if timeout == math.inf else timeout)
        if self.pace:
            await asyncio.sleep(self.pace)
        reply = None if self.given_up else self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def _run(self, name: str, args: Sequence[Any]) -> Any:  # noqa: ANN401 - a reply
        if name not in self.known:
            return NoScriptError("NOSCRIPT")
        return ResponseError("no") if name == "fail" else args

    async def script_load(self, source: str) -> None:
        """Learn a script."""
        self.known.add(next(name for name, text in SOURCES.items() if text == source))

    def scripts(self) -> Scripts:
        """Return what is to be tested."""
        return Scripts(cast("Redis", self), SOURCES)


async def test_calls_of_one_turn_go_together() -> None:
    """And each gets the answer to its own."""
    server = Server()
    run = server.scripts()
    assert await asyncio.gather(*(run("add", ["k"], [n]) for n in range(3))) == [
        ["k", "0"],
        ["k", "1"],
        ["k", "2"],
    ]
    assert (server.batches, server.held) == ([["add"] * 3], 0)


async def test_what_comes_meanwhile_goes_next() -> None:
    """One batch at a time, and none of them longer than its bound."""
    server = Server()
    server.open.clear()
    run = server.scripts()
    first = asyncio.create_task(run("add", [], [1]))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(run("add", [], [n])) for n in range(scripts_module.MOST + 1)]
    await asyncio.sleep(0.01)
    server.open.set()
    assert await first == ["1"]
    assert await asyncio.gather(*others) == [[str(n)] for n in range(scripts_module.MOST + 1)]
    assert [len(batch) for batch in server.batches] == [1, scripts_module.MOST, 1]


async def test_errors_are_each_calls_own() -> None:
    """A script that fails fails nobody else."""
    run = Server().scripts()
    results = await asyncio.gather(run("fail", [], []), run("add", [], [1]), return_exceptions=True)
    assert [type(results[0]), results[1]] == [ResponseError, ["1"]]


async def test_a_script_that_the_server_forgot_is_sent_again() -> None:
    """After a restart it knows none; those that it knows are not run twice."""
    server = Server(known={"fail"})
    run = server.scripts()
    results = await asyncio.gather(run("add", [], [1]), run("fail", [], []), return_exceptions=True)
    assert [results[0], type(results[1])] == [["1"], ResponseError]
    assert server.batches == [["add", "fail"], ["add"]]


async def test_a_lost_server_is_told_to_all_who_wait() -> None:
    """Those of the batch hear of it; the next call tries anew."""
    server = Server(error=LostError("gone"))
    run = server.scripts()
    results = await asyncio.gather(run("add", [], [1]), run("add", [], [2]), return_exceptions=True)
    assert [type(result) for result in results] == [LostError, LostError]
    assert (
        server.batches == [["add", "add"]] * 2
    )  # once more, as the connection may just have been an old one
    server.error = None
    assert await run("add", [], [3]) == ["3"]


async def test_answers_that_stop_coming_are_given_up() -> None:
    """All of the batch hear of it, and it is not sent again: some of it was carried out."""
    server = Server(socket_timeout=0.05, silent_at=1)
    run = server.scripts()
    results = await asyncio.gather(run("add", [], [1]), run("add", [], [2]), return_exceptions=True)
    assert [type(result) for result in results] == [LateError, LateError]
    assert server.batches == [["add", "add"]]
    assert server.held == 0
    assert server.disconnected == 1


async def test_answers_that_go_on_coming_are_waited_for() -> None:
    """A disk that is slow to write makes a batch take longer than one answer may."""
    server = Server(socket_timeout=0.2, pace=0.01)
    run = server.scripts()
    results = await asyncio.gather(*(run("add", [], [n]) for n in range(60)))
    assert results == [[str(n)] for n in range(60)]


async def test_a_connection_that_the_system_gave_up_has_no_answers() -> None:
    """redis-py says None then, which must not pass for what a script decided."""
    server = Server(given_up=True)
    run = server.scripts()
    with pytest.raises(LateError):
        await run("add", [], [1])
    assert server.disconnected == 1


async def test_nobody_waits_for_more_than_one_deadline_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose batch has not gone out yet hear of a silent server with the batch before theirs."""
    monkeypatch.setattr(scripts_module, "MOST", 2)
    server = Server(socket_timeout=0.05, silent_at=2)
    run = server.scripts()
    began = asyncio.get_running_loop().time()
    results = await asyncio.gather(*(run("add", [], [n]) for n in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {LateError}
    assert len(server.batches) == 1
    assert asyncio.get_running_loop().time() - began < 0.5  # ten deadlines
    server.silent_at = None
    assert await run("add", [], [3]) == ["3"]


async def test_a_bug_leaves_nobody_waiting() -> None:
    """Whatever ends the sending is told to all, also to those whose turn had not come."""
    server = Server(error=ZeroDivisionError())
    server.open.clear()
    run = server.scripts()
    first = asyncio.create_task(run("add", [], [1]))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(run("add", [], [2]))
    await asyncio.sleep(0.01)
    server.open.set()
    results = await asyncio.wait_for(asyncio.gather(first, second, return_exceptions=True), 5)
    assert [type(result) for result in results] == [ZeroDivisionError, ZeroDivisionError]


async def test_who_gave_up_waiting_disturbs_nobody() -> None:
    """A caller that was cancelled has no use for its answer; the others get theirs."""
    server = Server()
    server.open.clear()
    run = server.scripts()
    first, second = (asyncio.create_task(run("add", [], [n])) for n in (1, 2))
    await asyncio.sleep(0.01)
    first.cancel()
    server.open.set()
    assert await second == ["2"]
    with pytest.raises(asyncio.CancelledError):
        await first
