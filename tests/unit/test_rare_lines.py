"""Lines that no everyday run writes are what the contract says, too: each is brought about and looked at."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from observability.logs import configure_logs
from observability.propagation import correlated
from tests.servers import eventually
from tests.telemetry.contract import CONTRACT
from tests.telemetry.lines import problems
from tests.unit import rare_amqp_lines
from tests.unit.rare_lines import RARE
from tests.unit.recorder import Recorder

EVENTS = [event for event, line in CONTRACT.lines.items() if line.when]


@pytest.fixture(name="out")
def out_fixture() -> Iterator[io.BytesIO]:
    """Have logs written into memory, of no service in particular."""
    root, level, handlers = logging.getLogger(), logging.root.level, logging.root.handlers
    out = io.BytesIO()
    configure_logs({"version": "1", "environment": "development"}, "INFO", out)
    yield out
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("event", EVENTS)
async def test_a_rare_line_is_what_is_declared(
    event: str, out: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its level, its ids, its fields."""
    emit = {**RARE, **rare_amqp_lines.rare(monkeypatch)}[event]
    if CONTRACT.lines[event].ids == "span":
        with Recorder().within(), correlated("rare-1"):
            task = asyncio.ensure_future(emit())
    else:
        task = asyncio.ensure_future(emit())

    async def look() -> dict[str, Any] | None:
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        return next((line for line in lines if line["event"] == event), None)

    try:
        line = await eventually(look)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert problems(CONTRACT, {**line, "service": CONTRACT.lines[event].services[0]}) == []


def test_each_of_them_is_brought_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing that is seen every day is taken for rare."""
    assert {*RARE, *rare_amqp_lines.rare(monkeypatch)} == set(EVENTS)
