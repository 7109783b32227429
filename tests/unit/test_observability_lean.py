"""Our tracer provider beside the SDK's: the same calls, the same spans."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler, TraceIdRatioBased
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

ELSEWHERE, NOWHERE = context(remote=True), SpanContext(0, 0, is_remote=False)
VALUES: dict[str, Any] = {"list": [1, 2], "map": {"a": True}, "none": None, "bytes": b"\xff", "n": 1.5}
Use = Callable[[Tracer], object]


def attributes(tracer: Tracer) -> None:
    """Set attributes at the start, one by one and together, some twice."""
    words = ["first"]
    span = tracer.start_span("s", attributes={"a": 1, "w": words, **VALUES}, kind=SpanKind.CLIENT)
    span.set_attribute("b", "once")
    words.append("after the list was given")
    span.set_attributes({"b": "again", "c": True, **VALUES})
    span.update_name("t")
    span.end()


def events(tracer: Tracer) -> None:
    """Add events with and without attributes, and an exception."""
    span = tracer.start_span("s")
    span.add_event("first", timestamp=5)
    about: dict[str, Any] = {"a": 1}
    span.add_event("second", about, timestamp=6)
    about["b"] = "after the event"
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
    """Nest spans, below a remote one, too; of the flags that it has, those that nobody knows end here."""
    odd = SpanContext(ELSEWHERE.trace_id, ELSEWHERE.span_id, is_remote=True, trace_flags=TraceFlags(0xFF))
    tracer.start_span("odd", trace.set_span_in_context(NonRecordingSpan(odd))).end()
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


def comparable(span: ReadableSpan, names: Mapping[int, str]) -> dict[str, Any]:
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
        "parent": span.parent and (span.parent.is_remote or names.get(span.parent.span_id)),
        "state": span.context and (span.context.trace_flags, span.context.trace_state),
        "scope": span.instrumentation_scope,
        "ended": (span.end_time or 0) >= (span.start_time or 0) > 0,
    }


def named(spans: Sequence[ReadableSpan]) -> dict[int, str]:
    """Return the spans' names by their ids, which are unlike each other."""
    names = {span.get_span_context().span_id: span.name for span in spans}  # type: ignore[union-attr]
    assert len(names) == len(spans)
    return names


@pytest.mark.parametrize("use", [attributes, events, links, statuses, exceptions, after_the_end, families])
def test_both_providers_record_the_same(use: Use) -> None:
    """Whatever is done with a span."""
    ours, theirs = recorded("lean", use), recorded("sdk", use)
    assert [comparable(span, named(ours)) for span in ours] == [
        comparable(span, named(theirs)) for span in theirs
    ]


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


@pytest.mark.parametrize(("root", "kept"), [(ALWAYS_OFF, 0), (TraceIdRatioBased(0.25), 100)])
def test_the_sampler_is_asked_about_a_trace(root: Sampler, kept: int) -> None:
    """A sampled parent keeps its trace, of new ones a share; what is not sampled is propagated, too."""
    ended: list[Any] = []
    tracer = LeanTracerProvider(ended.append, ParentBased(root)).get_tracer("test")
    tracer.start_span("child", context=trace.set_span_in_context(NonRecordingSpan(ELSEWHERE))).end()
    assert len(ended) == 1
    for _ in range(400):
        with tracer.start_as_current_span("root") as span:
            child = tracer.start_span("child")
            child.end()
        first, second = span.get_span_context(), child.get_span_context()
        assert (first.trace_id, first.trace_flags) == (second.trace_id, second.trace_flags)
        assert first.trace_flags.random_trace_id
    assert abs((len(ended) - 1) / 2 - kept) <= 60 * bool(kept)
