"""Trace context of strangers: the cases of W3C's validation suite, repeated fields, and who is trusted."""

from collections.abc import Sequence

import pytest
from opentelemetry import baggage
from opentelemetry.trace import Link, format_trace_id
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from observability.http import HttpMiddleware, request_headers
from tests.unit.asgi import call, http_scope
from tests.unit.fakes import SPAN_ID, TRACE_ID, TRACEPARENT
from tests.unit.recorder import Recorder, parent_id, trace_id

IDS = f"{TRACE_ID}-{SPAN_ID}"
LONG = ",".join(f"bar{number:02}={number:02}" for number in range(1, 33))
ALL_OF_A_KEY, ALL_OF_A_VALUE = (
    "".join(map(chr, [*range(97, 123), *range(48, 58)])) + "_-*/",
    "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in ",="),
)
UNKNOWN = [
    "foo =1",
    "FOO=1",
    "foo.bar=1",
    "foo@=1",
    "@foo=1",
    "foo@@bar=1",
    "foo@bar@baz=1",
    "foo=bar=baz",
    "foo=",
    "1a=1",
    "no member",
]
UNKNOWN += [f"{'z' * 257}=1", f"t@{'v' * 15}=1", f"foo={'v' * 257}"]
PARTS = ("00", TRACE_ID, SPAN_ID, "01")
MALFORMED = [
    "-".join([*PARTS[:number], other, *PARTS[number + 1 :]])
    for number, part in enumerate(PARTS)
    for other in (f"{part}0", part[1:], f".{part[1:]}")
]
pytestmark = pytest.mark.usefixtures("provider")


async def recorded(
    headers: Sequence[tuple[str, str]], *, trusted: bool = True
) -> tuple[Recorder, list[object]]:
    """Send a request with header fields; return what was recorded, and the tenant in the app's baggage."""
    recorder, seen = Recorder(), list[object]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(baggage.get_baggage("tenant"))
        await PlainTextResponse("hello")(scope, receive, send)

    middleware = HttpMiddleware(app, recorder.tracer, recorder.registry, trusted=lambda _: trusted)
    await call(middleware, http_scope("GET", "/", headers))
    return recorder, seen


@pytest.mark.parametrize(
    ("fields", "continued"),
    [
        *[
            ([f"{spaces}cc-{IDS}-01{more}"], True)
            for spaces, more in ((" ", "\t"), ("", ""), ("", "-the-future"))
        ],
        *[([f"{spaces}{TRACEPARENT}{spaces}"], True) for spaces in ("", " ", "\t")],
        *[([TRACEPARENT + more], False) for more in ("-the-future", "-", ".", "0")],
        *[([malformed], False) for malformed in MALFORMED],
        *[([f"cc-{IDS}-01.the-future"], False), ([f"ff-{IDS}-01"], False), ([""], False)],
        *[([f"00-{IDS.upper()}-01"], False), ([f"00-{'0' * 32}-{SPAN_ID}-01"], False)],
        ([f"00-{TRACE_ID}-{'0' * 16}-01"], False),
        ([TRACEPARENT, TRACEPARENT], False),
        ([TRACEPARENT, f"00-{'1' * 32}-{SPAN_ID}-01"], False),
        ([f"01-{IDS}-01-more", TRACEPARENT], False),
    ],
)
async def test_a_traceparent_is_taken_as_w3c_has_it(fields: list[str], *, continued: bool) -> None:
    """What is malformed, or there more than once, begins a trace, and its `tracestate` is none either."""
    recorder, _ = await recorded([("tracestate", "foo=1"), *(("traceparent", field) for field in fields)])
    context = recorder.span().get_span_context()
    assert context is not None
    assert (trace_id(recorder.span()) == TRACE_ID) is continued
    assert context.trace_state.to_header() == ("foo=1" if continued else "")


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        *[([state], state) for state in ("foo=1", "foo=1,bar=2", "fw529a3039@dt=FfAJX,foo=1", LONG)],
        *[([f"{key}={ALL_OF_A_VALUE}"], f"{key}={ALL_OF_A_VALUE}") for key in (ALL_OF_A_KEY, "z" * 256)],
        *[([f"{key}=1"], f"{key}=1") for key in (f"{'t' * 241}@{'v' * 14}",)],
        *[([f"{member},bar=2"], "bar=2") for member in UNKNOWN],
        ([f"bar=2,foo={'v' * 256}"], f"bar=2,foo={'v' * 256}"),
        (["foo=1", "bar=2"], "foo=1,bar=2"),
        (["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        ([" foo=1", "\tbar=2 "], "foo=1,bar=2"),
        (["foo=1", ""], "foo=1"),
        (["", "foo=1,,,bar=2", ","], "foo=1,bar=2"),
        ([f"{LONG},bar33=33"], ""),
        ([",".join(f"k{number}={'x' * 40}" for number in range(12))], ""),
        (["foo=1,foo=2,bar=3"], "foo=1,bar=3"),
        (["foo=1", "foo=2"], "foo=1"),
    ],
)
async def test_a_tracestate_keeps_every_member_that_can_be_kept(fields: list[str], kept: str) -> None:
    """One that is malformed or unknown, or a key for the second time, costs no other member."""
    recorder, _ = await recorded([("traceparent", TRACEPARENT), *(("tracestate", field) for field in fields)])
    context = recorder.span().get_span_context()
    assert context is not None
    assert context.trace_state.to_header() == kept


async def test_baggage_in_several_fields_is_one_list() -> None:
    """As RFC 9110, 5.3, has it of every list."""
    _, seen = await recorded([("baggage", "tenant=shop"), ("baggage", "other=1")])
    assert seen == ["shop"]


def test_a_single_field_that_comes_twice_says_nothing() -> None:
    """Which one would count? Lists are joined."""
    names = ["x-correlation-id", "x-api-key", "traceparent", "tracestate", "baggage"]
    repeated = http_scope("GET", "/", [(name, value) for name in names for value in ("a=1", "b=2")])
    found = request_headers(repeated)
    assert found == dict.fromkeys(names[:3], "") | dict.fromkeys(names[3:], "a=1,b=2")


async def test_a_stranger_neither_chooses_our_sampling_nor_writes_into_others_traces() -> None:
    """The request begins a trace, linked to the stranger's; baggage ends here, and so does `tracestate`."""
    unsampled = TRACEPARENT.removesuffix("01") + "00"
    sent = [("traceparent", unsampled), ("tracestate", "foo=1"), ("baggage", "tenant=shop")]
    recorder, seen = await recorded(sent, trusted=False)
    span, context = recorder.span(), recorder.span().get_span_context()
    assert trace_id(span) != TRACE_ID
    assert parent_id(span) is None
    assert [linked(link) for link in span.links] == [(TRACE_ID, {})]
    assert context is not None
    assert (context.trace_state.to_header(), seen) == ("", [None])
    recorder, seen = await recorded(sent[1:], trusted=False)
    assert (len(recorder.span().links), seen) == (0, [None])


def linked(link: Link) -> tuple[str, dict[str, object]]:
    """Return the trace that a link leads to, and its attributes."""
    return format_trace_id(link.context.trace_id), dict(link.attributes or {})
