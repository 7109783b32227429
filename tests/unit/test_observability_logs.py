"""Logs: one JSON object a line, from whoever speaks."""

import io
import json
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
import structlog
from opentelemetry import trace

from observability.logs import configure_logs
from observability.propagation import correlated, extract
from services.common.messaging.messages import trace_fields
from tests.unit.fakes import TRACEPARENT
from tests.unit.logged import logging_restored
from tests.unit.recorder import Recorder, span_id, trace_id

CONSTANT = {"service": "api", "version": "1.2.3", "environment": "test"}
HOSTILE = ["a\nb", "a\r\nlevel: fake", "\x1b[31m\x00", '"}\n{"event": "forged', "\u2028\x85", "\ud800"]
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(name="logged")
def logged_fixture() -> Iterator[Lines]:
    """Configure logs into memory and return what reads them; afterwards all is as it was."""
    stream = io.BytesIO()

    def lines() -> list[dict[str, Any]]:
        text = stream.getvalue().decode()
        stream.seek(0)
        stream.truncate()
        assert text.endswith("\n") or not text
        return [json.loads(line) for line in text.split("\n")[:-1]]

    with logging_restored():
        configure_logs(CONSTANT, "INFO", stream)
        yield lines


def speak_ours(event: str, **fields: object) -> None:
    """Log as our code does."""
    structlog.get_logger("ours").info(event, **fields)


def speak_theirs(event: str, **_: object) -> None:
    """Log as a library does."""
    logging.getLogger("library").info("%s", event)


def fail(_word: str) -> NoReturn:
    """Fail with a secret in a local variable."""
    raise ValueError("two\nlines for ada@example.com")


BOTH = pytest.mark.parametrize("speak", [speak_ours, speak_theirs])


def test_a_line_says_that_its_trace_was_not_sampled(logged: Lines) -> None:
    """Nobody is to look for it; a line about a message's trace says nothing of the current one."""
    headers = {"traceparent": f"{TRACEPARENT[:-2]}00"}
    with trace.use_span(trace.get_current_span(extract(headers))):
        speak_ours("hello")
        speak_ours("about a message", **trace_fields({"traceparent": TRACEPARENT.replace("0af", "0bf")}))
    current, other = logged()
    assert current["trace_flags"] == "00"
    assert (other["trace_id"][:3], other["trace_flags"], "span_id" in other) == ("0bf", "01", False)


@BOTH
@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_hostile_text_stays_inside_its_line(
    logged: Lines, speak: Callable[..., None], hostile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No text can end a line, begin another, or keep one from being written."""
    # What pytest would keep of a lone surrogate cannot be sent from process to process.
    ours = [handler for handler in logging.root.handlers if type(handler).__module__ != "_pytest.logging"]
    monkeypatch.setattr(logging.root, "handlers", ours)
    speak(hostile, other=hostile)
    [line] = logged()
    assert line["event"] == hostile
    assert line.get("other", hostile) == hostile


@BOTH
def test_an_exception_is_part_of_its_line(logged: Lines, speak: Callable[..., None]) -> None:
    """Type, message and frames as data, without the local variables."""
    try:
        fail("hunter2")
    except ValueError:
        log = structlog.get_logger() if speak is speak_ours else logging.getLogger("library")
        log.exception("failed")
    [line] = logged()
    assert line["level"] == "error"
    [error] = line["exception"]
    assert (error["exc_type"], error["exc_value"]) == ("ValueError", "two\nlines for [redacted]")
    assert error["frames"][-1]["name"] == "fail"
    assert "hunter2" not in json.dumps(line)


def test_fields_cannot_pretend_to_be_another_service(logged: Lines) -> None:
    """What every line carries wins over what a line says; a line's own ids win over the context's."""
    with correlated("checkout-42"):
        speak_ours("hello", service="worker", correlation_id="of-the-message")
    [line] = logged()
    assert (line["service"], line["correlation_id"]) == ("api", "of-the-message")


def test_levels_are_honoured(logged: Lines) -> None:
    """Below the level nothing is written; chatty libraries speak from WARNING on."""
    structlog.get_logger().debug("no")
    logging.getLogger("library").debug("no")
    logging.getLogger("aio_pika").info("no")
    logging.getLogger("aio_pika").warning("yes")
    assert [(line["logger"], line["event"]) for line in logged()] == [("aio_pika", "yes")]


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "0" * 600},
        {"traceparent": TRACEPARENT, "tracestate": "no state"},
        {"baggage": "no baggage"},
        {"baggage": "a=1," * 9_000},
    ],
)
def test_nobody_can_have_warnings_written(logged: Lines, headers: dict[str, str]) -> None:
    """Least of all with their own words in them: headers come with every request."""
    extract(headers)
    assert logged() == []


def test_libraries_that_had_handlers_go_the_same_way() -> None:
    """Uvicorn and others bring handlers of their own; their lines would come twice, and not as JSON."""
    library = logging.getLogger("test.with.handlers")
    library.addHandler(logging.StreamHandler(io.StringIO()))
    library.propagate = False
    with logging_restored():
        configure_logs(CONSTANT, "INFO", io.BytesIO())
        assert (library.handlers, library.propagate) == ([], True)


def test_a_line_that_cannot_be_rendered_costs_no_other(logged: Lines) -> None:
    """It is named, with its ids, and whoever logs does not hear of it."""
    endless: list[object] = []
    endless.append(endless)
    with correlated("checkout-42"):
        for event, fields in (("before", {}), ("endless", {"what": endless}), ("behind", {})):
            speak_ours(event, **fields)
    before, unrendered, behind = logged()
    assert (before["event"], behind["event"]) == ("before", "behind")
    assert (unrendered["event"], unrendered["level"]) == ("log line not rendered", "error")
    assert (unrendered["line"], unrendered["correlation_id"]) == ("endless", "checkout-42")


@BOTH
def test_every_line_says_who_speaks_and_when_and_under_which_ids(
    logged: Lines, speak: Callable[..., None]
) -> None:
    """Service, version, environment, level, event, a time in UTC; correlation id, trace and span, if any."""
    recorder = Recorder()
    with correlated("checkout-42"), recorder.within():
        speak("hello")
    speak("afterwards")
    (inside, outside), span = logged(), recorder.span()
    ids = {"trace_id": trace_id(span), "span_id": span_id(span), "trace_flags": "03"}
    assert inside.items() >= {**CONSTANT, **ids, "correlation_id": "checkout-42", "event": "hello"}.items()
    assert outside.items() >= {**CONSTANT, "level": "info", "event": "afterwards"}.items()
    assert outside["timestamp"].endswith("Z")
    assert not {"correlation_id", *ids} & set(outside)


@dataclass
class Placed:
    """Something of ours that holds what nobody may read."""

    url: str


def test_whatever_is_logged_makes_a_line_in_which_nothing_is_secret(logged: Lines) -> None:
    """Texts, telling names, arguments of libraries, a mere `repr`; and what JSON has no form for."""
    moment, secret = datetime(2026, 11, 26, tzinfo=UTC), Placed("amqp://shop:hunter2@mq/")
    speak_ours("to ada@example.com", token="hunter2", url=secret, more={"url": secret}, at=moment)
    speak_theirs(f"connecting to {secret.url}")
    speak_ours("odd", counts={1: math.nan, moment: 2}, huge=2**100, raw=b"\xff", half="\ud800", pair=(1, "x"))
    ours, theirs, odd = logged()
    assert not [word for word in ("hunter2", "ada@") if word in json.dumps([ours, theirs])]
    assert ours["at"] == "2026-11-26T00:00:00Z"
    assert (odd["huge"], odd["half"], odd["pair"]) == (2**100, "\ud800", [1, "x"])
