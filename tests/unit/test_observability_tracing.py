"""What is told about exports of spans."""

import time
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from observability.tracing import TimedExporter


class Slow(SpanExporter):
    """Takes a moment, and may fail."""

    def __init__(self, error: Exception | None = None) -> None:
        """Keep how to end."""
        self._error = error
        self.ended = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take 20 ms."""
        del spans
        time.sleep(0.02)
        if self._error is not None:
            raise self._error
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Note it."""
        self.ended = True


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
def test_an_exports_duration_is_told_whatever_came_of_it(error: Exception | None) -> None:
    """The result and the error pass, and so does the shutdown."""
    seconds, slow = list[float](), Slow(error)
    timed = TimedExporter(slow, seconds.append)
    if error is None:
        assert timed.export([]) is SpanExportResult.FAILURE
    else:
        with pytest.raises(type(error)):
            timed.export([])
    [took] = seconds
    assert 0.02 <= took < 1
    timed.shutdown()
    assert slow.ended
