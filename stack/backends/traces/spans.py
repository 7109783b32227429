"""What is kept of a span: its encoded form, and beside it the few fields that searching and listing need."""

from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no stubs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

# What Jaeger calls a resource that has no service.name.
NO_SERVICE_NAME: Final = "OTLPResourceNoServiceName"
TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8


class MalformedError(ValueError):
    """A request, or something in it, that cannot be decoded."""


class InvalidSpanError(ValueError):
    """A span that no trace can hold."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who recorded a span: its resource and its instrumentation scope, both encoded."""

    service: str
    resource: bytes
    resource_schema_url: str = ""
    scope: bytes = b""
    scope_schema_url: str = ""


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span; times are nanoseconds since the epoch, ``kind`` and ``status`` are OTLP's numbers."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    kind: int
    status: int
    start: int
    end: int
    encoded: bytes

    @property
    def duration(self) -> int:
        """Nanoseconds; a clock set back makes it negative."""
        return self.end - self.start


def read_span(encoded: bytes) -> StoredSpan:
    """Decode a span as far as it is indexed.

    Raises:
        MalformedError: it is not an encoded span.
        InvalidSpanError: its ids are not what W3C Trace Context calls valid (16 and 8 bytes, not all zero).
    """
    try:
        span = Span.FromString(encoded)
    except DecodeError as error:
        raise MalformedError(f"malformed span: {error}") from None
    _check_id("trace", span.trace_id, TRACE_ID_BYTES)
    _check_id("span", span.span_id, SPAN_ID_BYTES)
    return StoredSpan(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_span_id,
        name=span.name,
        kind=span.kind,
        status=span.status.code,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        encoded=encoded,
    )


def _check_id(kind: str, value: bytes, length: int) -> None:
    if len(value) != length or not any(value):
        raise InvalidSpanError(f"invalid {kind} id")


def service_name(resource: Resource) -> str:
    """Return a resource's ``service.name``, or Jaeger's stand-in for a missing one."""
    for attribute in resource.attributes:
        if attribute.key == "service.name":
            return str(attribute.value.string_value) or NO_SERVICE_NAME
    return NO_SERVICE_NAME
