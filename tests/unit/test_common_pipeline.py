"""Automatic pipelining: each call gets its own reply or error, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import DataError, RedisError, ResponseError
from redis.exceptions import TimeoutError as LateError

from services.common.redis import pipeline as pipeline_module
from services.common.redis.client import pipeline_client
from services.common.redis.pipeline import AutoPipeline, Stage
from services.common.redis.scripts import load_scripts
from tests.servers import eventually
from tests.unit.redis_server import FakeRedis


@pytest.fixture
async def server() -> AsyncIterator[FakeRedis]:
    """Yield a server that answers at once."""
    async with FakeRedis().running() as server:
        yield server


@asynccontextmanager
async def pipelined(server: FakeRedis, timeout: float = 5.0) -> AsyncIterator[AutoPipeline]:  # noqa: ASYNC109 - a call's
    """Yield what is to be tested."""
    async with pipeline_client(server.url) as client:
        yield AutoPipeline(client, timeout=timeout)


@pytest.fixture
async def call(server: FakeRedis) -> AsyncIterator[AutoPipeline]:
    """Yield a pipeline with a deadline that does not matter."""
    async with pipelined(server) as pipeline:
        yield pipeline


def echo(word: object) -> Stage:
    """Return a command that is answered with its word."""
    return lambda commands: commands.execute_command("ECHO", word)


async def held(server: FakeRedis, call: AutoPipeline) -> "asyncio.Task[Any]":
    """Return a call that has been sent, and is not answered before the server is opened."""
    server.open.clear()
    task = asyncio.create_task(call(echo("held")))
    await eventually(lambda: server.batches)
    return task


async def outcomes(*calls: Awaitable[Any]) -> list[Any]:
    """Return for each call its reply, or the type of its error."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    return [type(result) if isinstance(result, Exception) else result for result in results]


async def test_calls_of_one_turn_go_together(server: FakeRedis, call: AutoPipeline) -> None:
    """And each gets the reply to its own."""
    assert await outcomes(*(call(echo(n)) for n in range(3))) == ["0", "1", "2"]
    assert server.sent == [["0", "1", "2"]]


async def test_calls_made_meanwhile_go_next(
    server: FakeRedis, call: AutoPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one batch at a time, and none is longer than its bound."""
    monkeypatch.setattr(pipeline_module, "MAX_BATCH", 2)
    first = await held(server, call)
    others = [asyncio.create_task(call(echo(n))) for n in range(3)]
    await asyncio.sleep(0)
    server.open.set()
    assert await outcomes(first, *others) == ["held", "0", "1", "2"]
    assert server.sent == [["held"], ["0", "1"], ["2"]]


async def test_an_error_is_its_calls_own(call: AutoPipeline) -> None:
    """Neither a command that Redis refuses nor one that cannot be sent fails the others."""
    calls = (echo(1), lambda commands: commands.get("key"), echo(object()), echo(2))
    assert await outcomes(*map(call, calls)) == ["1", ResponseError, DataError, "2"]


async def test_after_a_lost_connection_only_what_may_run_twice_is_sent_again(
    server: FakeRedis, call: AutoPipeline
) -> None:
    """Whether the command was carried out is not known, and `once` means that it must not happen twice."""
    server.lose = 1
    assert await outcomes(call(echo("again")), call(echo("once"), once=True)) == ["again", LostError]
    assert server.sent == [["again", "once"], ["again"]]


async def test_a_connection_that_is_lost_twice_is_an_error(server: FakeRedis, call: AutoPipeline) -> None:
    """The next call tries anew."""
    server.lose = 2
    assert await outcomes(call(echo(1)), call(echo(2))) == [LostError, LostError]
    assert await call(echo(3)) == "3"


async def test_a_deadline_ends_its_callers_wait_and_nobody_elses(server: FakeRedis) -> None:
    """Two calls of one batch: the older one expires, the younger one gets its reply."""
    async with pipelined(server, timeout=0.3) as call:
        first = await held(server, call)
        older = asyncio.create_task(call(echo("older")))
        await asyncio.sleep(0.15)
        younger = asyncio.create_task(call(echo("younger")))
        await asyncio.sleep(0)
        server.open.set()
        await first
        server.open.clear()
        await eventually(lambda: len(server.batches) == 2)
        assert await outcomes(older) == [LateError]
        server.open.set()
        assert await younger == "younger"
    assert server.sent == [["held"], ["older", "younger"]]


async def test_a_silent_server_costs_each_caller_one_deadline(
    server: FakeRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent again to a server that may be at it, nor at all for callers that have gone."""
    monkeypatch.setattr(pipeline_module, "MAX_BATCH", 2)
    server.open.clear()
    began = asyncio.get_running_loop().time()
    async with pipelined(server, timeout=0.1) as call:
        assert set(await outcomes(*(call(echo(n)) for n in range(20)))) == {LateError}
        assert asyncio.get_running_loop().time() - began < 1.0  # ten batches, each with a deadline
        assert server.sent == [["0", "1"]]
        server.open.set()
        assert await call(echo("after")) == "after"


async def test_a_cancelled_caller_disturbs_nobody(server: FakeRedis, call: AutoPipeline) -> None:
    """Its command is dropped when it was not sent yet; the others get their replies."""
    sent = await held(server, call)
    waiting, other = (asyncio.create_task(call(echo(word))) for word in ("waiting", "other"))
    await asyncio.sleep(0)
    sent.cancel()
    waiting.cancel()
    server.open.set()
    assert await other == "other"
    assert server.sent == [["held"], ["other"]]
    assert sent.cancelled()
    assert waiting.cancelled()


async def test_a_bug_leaves_nobody_waiting(server: FakeRedis, call: AutoPipeline) -> None:
    """The callers of its batch get it, and the next call works."""
    assert await outcomes(call(echo(1)), call(lambda _: 1 // 0)) == [ZeroDivisionError] * 2
    assert await call(echo(2)) == "2"
    assert server.sent == [["2"]]


async def test_a_callers_context_is_not_the_senders(call: AutoPipeline) -> None:
    """What one caller has set is not seen by what is done for others."""
    variable = ContextVar("variable", default="nobody's")
    variable.set("mine")

    def stage(commands: Pipeline) -> object:
        return commands.execute_command("ECHO", variable.get())

    assert await call(stage) == "nobody's"


async def test_only_so_many_calls_wait(
    server: FakeRedis, call: AutoPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is refused at once."""
    monkeypatch.setattr(pipeline_module, "MAX_WAITING", 2)
    first = await held(server, call)
    waiting = [asyncio.create_task(call(echo(n))) for n in range(2)]
    await asyncio.sleep(0)
    assert await outcomes(call(echo("more"))) == [RedisError]
    server.open.set()
    assert await outcomes(first, *waiting) == ["held", "0", "1"]


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """Return a folder with two scripts."""
    for name in ("add", "limit"):
        (tmp_path / f"{name}.lua").write_text(f"return '{name}'")
    return tmp_path


async def test_a_script_that_redis_forgot_is_loaded(
    server: FakeRedis, call: AutoPipeline, scripts: Path
) -> None:
    """After a restart Redis knows none, and what it refused has not run: so `once` scripts run, too."""
    run = load_scripts(call, scripts, once={"limit"})
    assert await outcomes(run("add", ["k"], [1]), run("limit", ["k"], [2])) == ["1", "2"]
    assert await run("add", [], [b"\xc3\xa9"]) == "é"
    assert [command[0] for batch in server.batches for command in batch] == [
        *["EVALSHA"] * 2, *["SCRIPT"] * 2, *["EVALSHA"] * 3,
    ]  # fmt: skip


async def test_a_script_that_must_not_run_twice_is_not_sent_again(
    server: FakeRedis, call: AutoPipeline, scripts: Path
) -> None:
    """A rate limit counts a request once, whatever happens to the connection."""
    run = load_scripts(call, scripts, once={"limit"})
    await outcomes(run("add", [], [0]), run("limit", [], [0]))
    server.lose = 1
    assert await outcomes(run("limit", [], [1]), run("add", [], [2])) == [LostError, "2"]
    assert server.sent[-2:] == [["1", "2"], ["2"]]


async def test_a_call_says_how_long_it_waited_to_be_sent(server: FakeRedis) -> None:
    """In the context of whoever called: one that goes at once, and one that waits for a batch before it."""
    caller: ContextVar[str] = ContextVar("caller")
    waits: dict[str, float] = {}

    async def called(call: AutoPipeline, name: str) -> None:
        caller.set(name)
        await call(echo(name))

    async with pipeline_client(server.url) as client:
        call = AutoPipeline(client, note_wait=lambda seconds: waits.update({caller.get(): seconds}))
        server.open.clear()
        first = asyncio.create_task(called(call, "first"))
        await eventually(lambda: server.batches)
        second = asyncio.create_task(called(call, "second"))
        await asyncio.sleep(0.05)
        server.open.set()
        await asyncio.gather(first, second)
    assert waits["first"] < 0.04 <= waits["second"]
