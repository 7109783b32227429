"""Our tracer provider beside the SDK's: the same calls, the same spans."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)

from observability.lean import LeanTracerProvider
from tests.unit import recorder
from tests.unit.otlp_samples import context
from tests.unit.recorder import parent_id, span_id, trace_id

ELSEWHERE, NOWHERE = context(remote=True), SpanContext(0, 0, is_remote=False)
VALUES: dict[str, Any] = {"list": [1, 2], "map": {"a": True}, "none": None, "bytes": b"\xff", "n": 1.5}
Use = Callable[[Tracer], object]


def attributes(tracer: Tracer) -> None:
    """Set attributes at the start, one by one and together, some twice."""
    span = tracer.start_span("s", attributes={"a": 1, **VALUES}, kind=SpanKind.CLIENT)
    span.set_attribute("b", "once")
    span.set_attributes({"b": "again", "c": True, **VALUES})
    span.update_name("t")
    span.end()


def events(tracer: Tracer) -> None:
    """Add events with and without attributes, and an exception."""
    span = tracer.start_span("s")
    span.add_event("first", timestamp=5)
    span.add_event("second", {"a": [1]}, timestamp=6)
    span.record_exception(KeyError("k"), {"more": 1}, timestamp=7)
    span.end()


def links(tracer: Tracer) -> None:
    """Link to somewhere and to nowhere, at the start and later."""
    span = tracer.start_span("s", links=[Link(ELSEWHERE, {"a": 1}), Link(NOWHERE), Link(NOWHERE, {"a": 1})])
    span.add_link(ELSEWHERE, {"c": [1]})
    span.add_link(NOWHERE)
    span.end()


def statuses(tracer: Tracer) -> None:
    """OK is final, UNSET changes nothing."""
    for steps in ("eu", "oe", "eo", "ee"):
        span = tracer.start_span(steps)
        for step in steps:
            if step == "e":
                span.set_status(Status(StatusCode.ERROR, "why"))
            else:
                span.set_status(StatusCode.OK if step == "o" else StatusCode.UNSET)
        span.end()


def exceptions(tracer: Tracer) -> None:
    """Let an exception leave a current span."""
    for record in (True, False):
        options: Any = {"record_exception": record, "set_status_on_exception": record}
        with suppress(asyncio.QueueEmpty), tracer.start_as_current_span("c", **options):
            raise asyncio.QueueEmpty("empty")


def after_the_end(tracer: Tracer) -> None:
    """Try to change what has ended."""
    span = tracer.start_span("s")
    span.end()
    span.end()
    span.set_attributes({"late": 1})
    span.add_event("late")
    span.add_link(ELSEWHERE)
    span.set_status(StatusCode.ERROR)
    span.update_name("late")
    assert not span.is_recording()


def families(tracer: Tracer) -> None:
    """Nest spans, below a remote one, too."""
    remote = trace.set_span_in_context(NonRecordingSpan(ELSEWHERE))
    entry = tracer.start_as_current_span("entry", context=remote, kind=SpanKind.SERVER, start_time=5)
    with entry, tracer.start_as_current_span("middle"):
        tracer.start_span("inner").end()
    with tracer.start_as_current_span("stays open", end_on_exit=False) as span:
        span.update_name("root")
    span.end()


def recorded(name: str, use: Use, limits: SpanLimits | None = None) -> list[ReadableSpan]:
    """Return the spans that a provider records."""
    exporter = InMemorySpanExporter()
    use(recorder.provider(name, exporter, limits).get_tracer("test", "1", "https://schema"))
    return list(exporter.get_finished_spans())


def comparable(span: ReadableSpan) -> dict[str, Any]:
    """Return all of a span but what is drawn by chance, read from a clock, or the place of an exception."""
    vague = ("exception.stacktrace", "exception.type", "exception.escaped")
    return {
        "name": span.name,
        "kind": span.kind,
        "status": (span.status.status_code, span.status.description),
        "attributes": dict(span.attributes or {}),
        "events": [
            (e.name, {k: v for k, v in (e.attributes or {}).items() if k not in vague}) for e in span.events
        ],
        "links": [(x.context, dict(x.attributes or {})) for x in span.links],
        "parent": span.parent is not None and span.parent.is_remote,
        "state": span.context and (span.context.trace_flags, span.context.trace_state),
        "scope": span.instrumentation_scope,
        "ended": (span.end_time or 0) >= (span.start_time or 0) > 0,
    }


@pytest.mark.parametrize("use", [attributes, events, links, statuses, exceptions, after_the_end, families])
def test_both_providers_record_the_same(use: Use) -> None:
    """Whatever is done with a span."""
    ours, theirs = recorded("lean", use), recorded("sdk", use)
    assert [comparable(span) for span in ours] == [comparable(span) for span in theirs]


def test_what_was_told_does_not_change_later() -> None:
    """A list that grows after it was told is in the span as it was."""
    words = ["first"]

    def use(tracer: Tracer) -> None:
        span = tracer.start_span("s", attributes={"words": words})
        span.add_event("told", {"words": words})
        words.append("second")
        span.end()

    [span] = recorded("lean", use)
    assert dict(span.attributes or {}) == dict(span.events[0].attributes or {}) == {"words": ("first",)}


def test_limits_are_kept_and_what_they_cost_is_counted() -> None:
    """The latest are left out, so that what a span began with stays."""

    def use(tracer: Tracer) -> None:
        span = tracer.start_span("s", attributes={"a": 1, "b": 2}, links=[Link(ELSEWHERE)] * 3)
        span.set_attributes({"b": 3, "c": 4, "d": 5})
        for number in range(3):
            span.add_event(f"e{number}")
        span.end()

    [span] = recorded("lean", use, SpanLimits(max_span_attributes=3, max_events=2, max_links=2))
    assert dict(span.attributes or {}) == {"a": 1, "b": 3, "c": 4}
    assert [event.name for event in span.events] == ["e0", "e1"]
    assert (len(span.links), span.dropped_attributes, span.dropped_events, span.dropped_links) == (2, 1, 1, 1)


@pytest.mark.usefixtures("provider")
def test_spans_nest_and_know_their_trace() -> None:
    """A child has its parent's trace and a span id of its own."""
    spans = {span.name: span for span in recorded(recorder.PROVIDER, families)}
    assert trace_id(spans["entry"]) == trace.format_trace_id(ELSEWHERE.trace_id)
    assert parent_id(spans["inner"]) == span_id(spans["middle"])
    assert parent_id(spans["middle"]) == span_id(spans["entry"])
    assert trace_id(spans["root"]) != trace_id(spans["entry"])


def test_what_is_not_sampled_is_propagated_all_the_same() -> None:
    """Such a span records nothing; its children are of its trace, and not sampled either."""
    ended: list[Any] = []
    tracer = LeanTracerProvider(ended.append, ParentBased(ALWAYS_OFF)).get_tracer("test")
    with tracer.start_as_current_span("root") as root:
        child = tracer.start_span("child")
        child.end()
    first, second = root.get_span_context(), child.get_span_context()
    assert (first.trace_id, first.trace_flags) == (second.trace_id, TraceFlags.RANDOM_TRACE_ID)
    assert first.span_id != second.span_id
    assert (root.is_recording(), ended) == (False, [])


def test_the_sampler_is_asked_about_the_trace() -> None:
    """A sampled parent keeps its trace; of new ones about a share is kept."""
    ended: list[Any] = []
    tracer = LeanTracerProvider(ended.append, ParentBased(TraceIdRatioBased(0.25))).get_tracer("test")
    tracer.start_span("child", context=trace.set_span_in_context(NonRecordingSpan(ELSEWHERE))).end()
    assert len(ended) == 1
    for _ in range(400):
        tracer.start_span("root").end()
    assert 40 < len(ended) < 200
