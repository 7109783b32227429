"""Our tracer provider beside the SDK's: the same calls, the same spans."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace import TracerProvider as StandardProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
)

from observability.fixed import Extended, FixedAttributes
from observability.lean import LeanTracerProvider, Sampling, sampling
from observability.otlp.spans import encode_span
from observability.settings import TelemetrySettings
from observability.tracing import resource, tracer_provider
from tests.unit import recorder
from tests.unit.recorder import parent_id, span_id, trace_id

FEW = SpanLimits(
    max_events=2,
    max_links=2,
    max_span_attributes=3,
    max_event_attributes=1,
    max_link_attributes=1,
    max_attribute_length=5,
)
COUNTED = SpanLimits(max_span_attributes=3)
ELSEWHERE = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("a", "b")]))
NOWHERE = SpanContext(0, 0, is_remote=False)
STRANGE: Mapping[Any, Any] = {
    "list": [1, 2],
    "map": {"a": [True, "x" * 9]},
    "none": None,
    "bytes": b"\xff",
    "object": object,
    "": "no name",
    5: "no string",
    "text": "much too long",
    "number": 1.5,
}
Use = Callable[[Tracer], object]


def attributes_at_the_start(tracer: Tracer) -> None:
    """Start with attributes of all kinds."""
    tracer.start_span("s", attributes=STRANGE, kind=SpanKind.CLIENT).end()


def attributes_one_by_one(tracer: Tracer) -> None:
    """Set plain attributes first, strange ones later, some twice."""
    span = tracer.start_span("s", attributes={"a": 1, "b": 2})
    span.set_attribute("a", "again")
    for key, value in STRANGE.items():
        span.set_attribute(key, value)
    span.set_attributes({"c": True, "a": "and again"})
    span.end()


def attributes_together(tracer: Tracer) -> None:
    """Set new ones, old ones, and more than some limits allow."""
    span = tracer.start_span("s", attributes={"a": 1})
    several: list[Any] = [{"b": 2, "c": "c" * 9}, {"c": 3, "d": True}, {"e": 5, "f": 6.5}, STRANGE]
    for more in several:
        span.set_attributes(more)
    span.end()


def events(tracer: Tracer) -> None:
    """Add more events than some limits allow."""
    span = tracer.start_span("s")
    for number in range(4):
        span.add_event(f"e{number}", {"a": number, "b": "b" * 10}, timestamp=number + 1)
    span.end(end_time=span_start(span) + 5)


def links(tracer: Tracer) -> None:
    """Link to somewhere and to nowhere, at the start and later."""
    first = [Link(ELSEWHERE, {"a": 1, "b": "b" * 10}), Link(NOWHERE), Link(NOWHERE, {"a": 1})]
    span = tracer.start_span("s", links=first)
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
    """Let an exception leave a span, in each way that it may be told or not."""
    for record in (True, False):
        for status in (True, False):
            with (
                suppress(asyncio.QueueEmpty),
                tracer.start_span("s", record_exception=record, set_status_on_exception=status),
            ):
                raise asyncio.QueueEmpty("empty")
            options: Any = {"record_exception": record, "set_status_on_exception": status}
            with suppress(ValueError), tracer.start_as_current_span("c", **options) as current:
                current.record_exception(KeyError("k"), {"more": 1}, timestamp=3)
                raise ValueError("bad")


def after_the_end(tracer: Tracer) -> None:
    """Try to change what has ended."""
    span = tracer.start_span("s")
    span.end()
    span.end()
    span.set_attribute("late", 1)
    span.set_attributes({"late": 1})
    span.add_event("late")
    span.add_link(ELSEWHERE)
    span.set_status(StatusCode.ERROR)
    span.update_name("late")
    assert not span.is_recording()


def families(tracer: Tracer) -> None:
    """Nest spans, below a remote one, too."""
    remote = trace.set_span_in_context(NonRecordingSpan(ELSEWHERE))
    with tracer.start_as_current_span("entry", context=remote, kind=SpanKind.SERVER, start_time=5):

        @tracer.start_as_current_span("decorated")
        def work() -> None:
            tracer.start_span("inner").end()

        work()
        work()
    with tracer.start_as_current_span("stays open", end_on_exit=False) as span:
        span.update_name("root")
    span.end()


def plain_attributes(tracer: Tracer) -> None:
    """Set plain attributes only, more than some limits allow, at the start and later."""
    span = tracer.start_span("s", attributes={"a": 1, "b": "2", "c": 3.0})
    span.set_attribute("a", "again")
    span.set_attribute("d", True)  # noqa: FBT003 - a value
    span.end()
    tracer.start_span("s", attributes=dict.fromkeys("abcde", "x")).end()


def shared_attributes(tracer: Tracer) -> None:
    """Start several spans with the same attributes, of which one is changed later."""
    for fixed in (FixedAttributes({"a": 1, "b": "2"}), FixedAttributes(STRANGE), FixedAttributes({})):
        for _ in range(2):
            changed = tracer.start_span("changed", attributes=fixed)
            changed.set_attribute("a", "again")
            changed.set_attributes({"c": "much too long"})
            changed.end()
            tracer.start_span("as it was", attributes=fixed).end()
    tracer.start_span("too many", attributes=FixedAttributes(dict.fromkeys("abcde", "x"))).end()


def extended_attributes(tracer: Tracer) -> None:
    """Begin with shared attributes and one beside them; change either, and add more of both kinds."""
    shared, more = FixedAttributes({"a": 1}), FixedAttributes({"e": 1})
    changes: dict[Any, Any] = {"a": "again", "b": 3, "c": 4.0, "d": [1], "": 1, 5: 1}
    for key, value in changes.items():
        span = tracer.start_span("one", attributes=Extended({"b": "2"}, shared))
        span.set_attribute(key, value)
        span.end()
    strange, many = FixedAttributes(STRANGE), FixedAttributes(dict.fromkeys("fghi", 1))
    for several in (more, {"c": 3}, {"a": 2}, {"b": 3}, {"b": 4, "c": 5}, STRANGE, strange, many):
        for told in (several, FixedAttributes(several)):
            span = tracer.start_span("several", attributes=Extended({"b": "2"}, shared))
            span.set_attributes(told)
            span.set_attribute("c", "much too long")
            span.end()
    span = tracer.start_span("shared alone", attributes=shared)
    span.set_attributes(more)
    span.set_attribute("e", 2)
    span.end()
    span = tracer.start_span("the oldest goes first", attributes=Extended({"b": 1, "c": 1}, shared))
    for key in "bde":
        span.set_attribute(key, 2)
    span.end()
    tracer.start_span("as it was", attributes=Extended({"b": 1, "c": 1}, many)).end()


def one_link(tracer: Tracer) -> None:
    """Link to one span that is somewhere, as nearly all who link do, and sometimes to more later."""
    nothing: Any = None
    for link in (Link(ELSEWHERE), Link(NOWHERE), Link(ELSEWHERE, {}), nothing):
        tracer.start_span("s", links=[link]).end()
        span = tracer.start_span("s", links=[link])
        for _ in range(3):
            span.add_link(ELSEWHERE, {"c": 1})
        span.end()


USES: list[Use] = [
    plain_attributes,
    shared_attributes,
    extended_attributes,
    one_link,
    attributes_at_the_start,
    attributes_one_by_one,
    attributes_together,
    events,
    links,
    statuses,
    exceptions,
    after_the_end,
    families,
]


def span_start(span: Span) -> int:
    """Return when a span began."""
    return cast("ReadableSpan", span).start_time or 0


def recorded(name: str, use: Use, limits: SpanLimits | None = None) -> list[ReadableSpan]:
    """Return the spans that a provider records."""
    exporter = InMemorySpanExporter()
    use(recorder.provider(name, exporter, limits).get_tracer("test", "1", "https://schema"))
    return list(exporter.get_finished_spans())


def comparable(span: ReadableSpan) -> dict[str, Any]:
    """Return all of a span but what is drawn by chance or read from a clock."""
    return {
        "name": span.name,
        "kind": span.kind,
        "status": (span.status.status_code, span.status.description),
        "attributes": dict(span.attributes or {}),
        "events": [
            (e.name, {**(e.attributes or {}), "exception.stacktrace": ""}, e.dropped_attributes)
            for e in span.events
        ],
        "links": [(x.context, dict(x.attributes or {}), x.dropped_attributes) for x in span.links],
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "parent": span.parent is not None and span.parent.is_remote,
        "state": span.context and (span.context.trace_flags, span.context.trace_state),
        "scope": span.instrumentation_scope,
        "resource": span.resource.attributes,
        "ended": (span.end_time or 0) >= (span.start_time or 0) > 0,
    }


@pytest.mark.parametrize("limits", [None, COUNTED, FEW], ids=["usual", "few attributes", "narrow"])
@pytest.mark.parametrize("use", USES)
def test_both_providers_record_the_same(use: Use, limits: SpanLimits | None) -> None:
    """Whatever is done with a span, and whatever the limits."""
    ours, theirs = recorded("lean", use, limits), recorded("sdk", use, limits)
    assert [comparable(span) for span in ours] == [comparable(span) for span in theirs]
    names = [[told.key for told in ProtoSpan.FromString(encode_span(span)).attributes] for span in ours]
    assert [sorted(found) for found in names] == [sorted(span.attributes or {}) for span in theirs]


@pytest.mark.usefixtures("provider")
def test_spans_nest_and_know_their_trace() -> None:
    """A child has its parent's trace and a span id of its own; siblings differ."""
    spans = {span.name: span for span in recorded(recorder.PROVIDER, families)}
    assert trace_id(spans["entry"]) == f"{7:032x}"
    assert parent_id(spans["inner"]) == span_id(spans["decorated"])
    assert parent_id(spans["decorated"]) == span_id(spans["entry"])
    assert trace_id(spans["root"]) != trace_id(spans["entry"])


SAMPLERS = [
    ("always_on", ""),
    ("always_off", ""),
    ("parentbased_always_on", ""),
    ("parentbased_always_off", ""),
    ("traceidratio", "0.25"),
    ("parentbased_traceidratio", "0.25"),
    ("PARENTBASED_TRACEIDRATIO", "1"),
    ("traceidratio", "0"),
    ("traceidratio", "many"),
    ("parentbased_traceidratio", "2"),
    ("unheard_of", ""),
]


@pytest.mark.parametrize(("name", "argument"), SAMPLERS)
def test_samplers_decide_as_the_sdks_do(monkeypatch: pytest.MonkeyPatch, name: str, argument: str) -> None:
    """For traces with a sampled parent, with one that is not, and with none."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    ours = sampling({"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument})
    theirs = StandardProvider(shutdown_on_exit=False).sampler
    for trace_number in (1, 2**61, 2**62 - 1, 2**62, 2**63, 2**64 - 1, 2**128 - 1):
        for flags in (None, 0, 1):
            parent = None if flags is None else SpanContext(trace_number, 1, True, TraceFlags(flags))  # noqa: FBT003
            context = parent and trace.set_span_in_context(NonRecordingSpan(parent))
            decision = theirs.should_sample(context, trace_number, "s").decision
            assert ours.keeps(trace_number, parent) is (decision is Decision.RECORD_AND_SAMPLE)


def test_what_is_not_sampled_is_propagated_all_the_same() -> None:
    """Such a span records nothing; its children are of its trace, and not sampled either."""
    ended: list[Any] = []
    tracer = LeanTracerProvider(
        resource("api", version="1", environment="test", instance="i"),
        ended.append,
        sampling=Sampling(0.0),
    ).get_tracer("test")
    with tracer.start_as_current_span("root") as root:
        child = tracer.start_span("child")
        child.set_attribute("a", 1)
        child.end()
    first, second = root.get_span_context(), child.get_span_context()
    assert (first.trace_id, first.trace_flags) == (second.trace_id, TraceFlags(2))
    assert first.span_id != second.span_id
    assert not root.is_recording()
    assert ended == []


@pytest.fixture(name="exported")
def exported_fixture() -> Iterator[Callable[[TelemetrySettings], list[str]]]:
    """Return what tells how spans are made with some settings, and shut the providers down."""
    made: list[Any] = []

    def types(settings: TelemetrySettings) -> list[str]:
        who = resource("api", version="1", environment="test", instance="i")
        made.append(tracer_provider(settings, who, lambda *_: None, lambda _: None))
        span = made[-1].get_tracer("t").start_span("s")
        return [type(made[-1]).__name__, type(span).__name__]

    yield types
    for provider in made:
        provider.shutdown()


@pytest.mark.parametrize(
    ("settings", "made"),
    [
        (TelemetrySettings(otel_traces_exporter="none"), ["LeanTracerProvider", "LeanSpan"]),
        (TelemetrySettings(), ["LeanTracerProvider", "LeanSpan"]),
        (TelemetrySettings(tracer_provider="sdk"), ["TracerProvider", "_Span"]),
        (TelemetrySettings(tracer_provider="sdk", otel_traces_exporter="none"), ["TracerProvider", "_Span"]),
        (TelemetrySettings(otel_traces_exporter="otlp_stock"), ["TracerProvider", "_Span"]),
    ],
)
def test_a_setting_chooses_the_provider(
    exported: Callable[[TelemetrySettings], list[str]], settings: TelemetrySettings, made: list[str]
) -> None:
    """The lean one by default; the SDK's where it is asked for, and where its exporter is."""
    assert exported(settings) == made


@pytest.mark.parametrize(
    "change",
    [lambda a: a.update(b=2), lambda a: a.pop("a"), lambda a: a.__setitem__("a", 2), lambda a: a.clear()],
)
def test_shared_attributes_do_not_change(change: Callable[[Any], object]) -> None:
    """Whoever got them from one span would change those of all others."""
    attributes = FixedAttributes({"a": 1})
    with pytest.raises(TypeError):
        change(attributes)
    assert attributes == {"a": 1}


def test_extended_attributes_are_a_mapping() -> None:
    """A stranger's provider reads them as any other."""
    attributes = Extended({"b": 2}, FixedAttributes({"a": 1}))
    attributes.add(FixedAttributes({"c": 3}))
    assert dict(attributes) == {"a": 1, "b": 2, "c": 3}
    assert (len(attributes), attributes["c"], attributes.get("d")) == (3, 3, None)
