"""Spans around plain functions and around Redis scripts."""

import asyncio
import traceback
from collections.abc import Sequence

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from observability.spans import failed, redis_command, traced, traced_scripts
from tests.unit.fakes import Scripts
from tests.unit.recorder import Recorder, parent_id, span_id

pytestmark = pytest.mark.usefixtures("provider")


async def test_a_function_runs_inside_its_span() -> None:
    """A child of what called it, with its name, kind and attributes; the result passes through."""
    recorder = Recorder()

    @traced(recorder.tracer, "read order", SpanKind.CLIENT, redis_command("GET"))
    async def read(key: str, *, default: int) -> str:
        """Read."""
        return f"{key} {default}"

    with recorder.within():
        assert await read("a", default=7) == "a 7"
    inner, outer = recorder.spans
    assert (inner.name, inner.kind, parent_id(inner)) == ("read order", SpanKind.CLIENT, span_id(outer))
    assert dict(inner.attributes or {}) == {"db.system.name": "redis", "db.operation.name": "GET"}
    assert inner.status.status_code is StatusCode.UNSET
    assert (read.__name__, read.__doc__) == ("read", "Read.")


@pytest.mark.parametrize("error", [ValueError("x" * 999), asyncio.CancelledError()])
async def test_an_error_marks_the_span_and_passes(error: BaseException) -> None:
    """Once: one exception event, its type as an attribute, a short message."""
    recorder = Recorder()

    @traced(recorder.tracer, "read order", SpanKind.INTERNAL, {})
    async def read() -> None:
        raise error

    with pytest.raises(type(error)):
        await read()
    span = recorder.span()
    assert span.status.status_code is StatusCode.ERROR
    assert len(span.status.description or "") <= 200
    assert [event.name for event in span.events] == ["exception"]
    assert recorder.attributes() == {"error.type": type(error).__qualname__}


def test_an_error_costs_nothing_where_nobody_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A span that was not sampled formats no stack."""

    def format_exception(_: BaseException) -> list[str]:
        raise AssertionError("nobody asked")

    monkeypatch.setattr(traceback, "format_exception", format_exception)
    failed(trace.INVALID_SPAN, ValueError("dry"))


async def test_only_named_scripts_have_spans() -> None:
    """The name of the script tells them apart; the others run without."""
    recorder, scripts = Recorder(), Scripts({"accept": "accepted", "limit": "allowed"})
    run = traced_scripts(recorder.tracer, scripts, {"accept": "redis: accept"})
    assert [await run(name, ["key"], [1]) for name in ("accept", "limit")] == ["accepted", "allowed"]
    assert [name for name, _, _ in scripts.calls] == ["accept", "limit"]
    assert (recorder.span().name, recorder.span().kind) == ("redis: accept", SpanKind.CLIENT)
    assert recorder.attributes() == {
        "db.system.name": "redis",
        "db.operation.name": "EVALSHA",
        "db.stored_procedure.name": "accept",
    }


async def test_a_scripts_span_is_nobodys_current_one() -> None:
    """What sends it sends others with it, whose spans they are not; nor is it when it failed."""
    recorder, current = Recorder(), list[object]()

    async def run(name: str, keys: Sequence[str], args: Sequence[str | bytes | float]) -> object:
        current.append(trace.get_current_span())
        raise ConnectionError(name, keys, args)

    with recorder.within() as outer, pytest.raises(ConnectionError):
        await traced_scripts(recorder.tracer, run, {"accept": "redis: accept"})("accept", [], [])
    assert current == [outer]
    assert recorder.spans[0].status.status_code is StatusCode.ERROR
