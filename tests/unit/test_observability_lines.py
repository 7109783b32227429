"""Lines that wait for others, and those that must not."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.trace import INVALID_SPAN_CONTEXT

from observability import lines as lines_module
from observability.lines import Entry, Lines

LONG = 60.0
DEADLINE_SECONDS = 5.0
Make = Callable[..., Lines]


def entry(event: str, level: str = "info", **fields: object) -> Entry:
    """Return an entry of this event."""
    return Entry(level, {"event": event, **fields}, time.time(), None, INVALID_SPAN_CONTEXT)


def render(one: Entry) -> bytes:
    """Return an entry's event as its line."""
    return f"{one.event['event']}\n".encode()


@pytest.fixture(name="written")
def written_fixture() -> list[bytes]:
    """Return where everything is written, a piece for each write."""
    return []


@pytest.fixture(name="make")
def make_fixture(written: list[bytes]) -> Iterator[Make]:
    """Return what makes lines; their threads end with the test."""
    made: list[Lines] = []

    def make(delay_seconds: float, write: Callable[[bytes], object] = written.append) -> Lines:
        made.append(Lines(render, write, delay_seconds=delay_seconds))
        return made[-1]

    yield make
    for one in made:
        one.close()


def until(condition: Callable[[], bool]) -> bool:
    """Wait until something is so; return whether it came to be."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def test_without_a_delay_each_line_is_written_at_once(make: Make, written: list[bytes]) -> None:
    """As a program that was not told otherwise expects."""
    lines = make(0.0)
    lines.take(entry("a"))
    lines.take(entry("b"))
    assert written == [b"a\n", b"b\n"]


def test_calm_lines_go_together_a_moment_later(make: Make, written: list[bytes]) -> None:
    """One write for all that came meanwhile, in their order; then the same again."""
    lines = make(0.05)
    for name in "abc":
        lines.take(entry(name))
    assert written == []
    assert until(lambda: written == [b"a\nb\nc\n"])
    lines.take(entry("d"))
    assert until(lambda: written == [b"a\nb\nc\n", b"d\n"])


@pytest.mark.parametrize("level", ["warning", "error", "critical"])
def test_what_went_wrong_is_written_at_once(make: Make, written: list[bytes], level: str) -> None:
    """With all that led to it before it: the process may be about to die."""
    lines = make(LONG)
    lines.take(entry("before"))
    lines.take(entry("wrong", level))
    assert written == [b"before\nwrong\n"]


def test_an_exception_does_not_wait(make: Make, written: list[bytes]) -> None:
    """It is at hand only while it is being handled."""
    make(LONG).take(entry("a", exc_info=True))
    assert written == [b"a\n"]


def test_lines_of_other_threads_do_not_wait(make: Make, written: list[bytes]) -> None:
    """Nor do they take others along: what an exporter's thread writes is not exported."""
    lines = make(LONG)
    lines.take(entry("waits"))
    thread = threading.Thread(target=lines.take, args=(entry("other"),))
    thread.start()
    thread.join(DEADLINE_SECONDS)
    assert written == [b"other\n"]


def test_no_more_than_so_many_wait(make: Make, written: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound whoever logs writes them: nothing is lost, and nothing grows."""
    monkeypatch.setattr(lines_module, "MOST", 2)
    lines = make(LONG)
    for name in "abcd":
        lines.take(entry(name))
    assert written == [b"a\nb\nc\n"]


def test_at_the_end_nothing_is_left(make: Make, written: list[bytes]) -> None:
    """And what comes after the end is written at once."""
    lines = make(LONG)
    lines.take(entry("a"))
    lines.close()
    lines.take(entry("b"))
    lines.close()
    assert written == [b"a\n", b"b\n"]


def test_a_stdout_that_is_gone_does_not_end_the_thread(make: Make, written: list[bytes]) -> None:
    """The lines are lost, and the next ones are tried."""
    failures = [BrokenPipeError()]

    def write(line: bytes) -> None:
        if failures:
            raise failures.pop()
        written.append(line)

    lines = make(0.01, write)
    lines.take(entry("lost"))
    assert until(lambda: not failures)
    lines.take(entry("kept"))
    assert until(lambda: written == [b"kept\n"])


def test_rendering_may_log_itself(written: list[bytes]) -> None:
    """A warning of a library in the middle of a line comes before it, and holds nobody up."""
    logger = logging.getLogger("test.rendering")
    logger.propagate = False

    def rendering(one: Entry) -> bytes:
        if one.event["event"] == "outer":
            logger.warning("inner")
        return render(one)

    lines = Lines(rendering, written.append)
    handler = logging.Handler()
    handler.emit = lambda record: lines.take(entry(record.getMessage(), "warning"))  # type: ignore[method-assign]
    logger.addHandler(handler)
    lines.take(entry("outer"))
    assert written == [b"inner\n", b"outer\n"]
