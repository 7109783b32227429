"""Spans made by hand, and a certificate for 127.0.0.1."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, TraceFlags, TraceState
from opentelemetry.util.types import AnyValue

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
SPAN_ID = 0xB7AD6B7169203331
START = 1_700_000_000_123_456_789
RESOURCE = Resource({"service.name": "api"})
SCOPE = InstrumentationScope("orders", "1.0", "https://schema")


def context(
    span_id: int = SPAN_ID,
    *,
    trace_id: int = TRACE_ID,
    remote: bool = False,
    state: TraceState | None = None,
) -> SpanContext:
    """Return a sampled span context."""
    return SpanContext(trace_id, span_id, remote, TraceFlags(TraceFlags.SAMPLED), state)


def span(  # noqa: PLR0913  # one keyword for each part of a span
    *,
    name: str = "POST /v1/orders",
    own: SpanContext | None = None,
    parent: SpanContext | None = None,
    kind: SpanKind = SpanKind.SERVER,
    attributes: Mapping[str, AnyValue] | None = None,
    events: Sequence[Event] = (),
    links: Sequence[Link] = (),
    status: Status | None = None,
    start: int | None = START,
    end: int | None = START + 1_500,
    scope: InstrumentationScope | None = SCOPE,
) -> ReadableSpan:
    """Return a finished span of the SDK."""
    return ReadableSpan(
        name=name,
        context=own or context(),
        parent=parent,
        kind=kind,
        attributes=BoundedAttributes(attributes=attributes),
        events=events,
        links=links,
        status=status or Status(),
        start_time=start,
        end_time=end,
        resource=RESOURCE,
        instrumentation_scope=scope,
    )


# Self-signed, valid from 2020 to 2120, trusted by nobody; the key is as public as this file.
CERTIFICATE = (
    "MIIBezCCASCgAwIBAgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBvcmRlcnNjb3BlIHRlc3RzMCAXDTIwMDEwMTAwMDAwMFoY"
    "DzIxMjAwMTAxMDAwMDAwWjAbMRkwFwYDVQQDDBBvcmRlcnNjb3BlIHRlc3RzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErUuR"
    "es6PELmuND6By+vZ4O4xJ/EfNQv4jcxY2sN6ykna44E7pts7+p5Y9yOiBXFTDFAu1bpIHNVT8t63dG1G8aNTMFEwDwYDVR0TAQH/"
    "BAUwAwEB/zAdBgNVHQ4EFgQUmWnIxl4MDBa2ykmu2Gd189gWzE8wDgYDVR0PAQH/BAQDAgKEMA8GA1UdEQQIMAaHBH8AAAEwCgYI"
    "KoZIzj0EAwIDSQAwRgIhALJmbDkjfvXgqAxuBOeDkPe+tMeB1SupmKK2DJ/06kUaAiEAs4xfawQb26KP5bptlnzwc5c1Y+moFVF9"
    "rnqTNkrpSc4="
)
KEY = (
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/sJhrz2xW290pHps9rjbM8MpN5C5QTVEw/I7hsrqPdGhRANCAASt"
    "S5F6zo8Qua40PoHL69ng7jEn8R81C/iNzFjaw3rKSdrjgTum2zv6nlj3I6IFcVMMUC7Vukgc1VPy3rd0bUbx"
)


def certificate(folder: Path) -> Path:
    """Return a new file with the certificate and its key."""
    parts = [("CERTIFICATE", CERTIFICATE), ("PRIVATE KEY", KEY)]
    path = folder / "both.pem"
    texts = [f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n" for kind, text in parts]
    path.write_text("".join(texts))
    return path
