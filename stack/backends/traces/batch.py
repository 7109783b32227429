"""An OTLP export request as a list of encoded spans, each with its origin."""

from collections import defaultdict
from collections.abc import Iterator

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no stubs
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from stack.backends.traces.spans import MalformedError, Origin, service_name
from stack.backends.traces.wire import WireError, submessages

# Spans, scopes and resources in one request; exporters send some hundreds.
MAX_PARTS = 100_000

# Field numbers of opentelemetry/proto/trace/v1/trace.proto. ResourceSpans and ScopeSpans are built alike.
_RESOURCE_SPANS = 1
_WHOSE, _CONTENT, _SCHEMA_URL = 1, 2, 3


class _Splitter:
    """Splits the messages of one request into fields and counts them."""

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def fields(self, message: bytes) -> dict[int, list[bytes]]:
        """Return the contents of a message's length-delimited fields by number."""
        found = defaultdict(list)
        for number, content in submessages(message):
            self._left -= 1
            if self._left < 0:
                raise MalformedError(f"more than {MAX_PARTS} spans, scopes and resources in one request")
            found[number].append(content)
        return found


def split_protobuf(body: bytes) -> list[tuple[Origin, bytes]]:
    """Split an encoded ExportTraceServiceRequest.

    Raises:
        MalformedError: it cannot be decoded, or has more than ``MAX_PARTS`` parts.
    """
    splitter = _Splitter()
    try:
        requests = splitter.fields(body)[_RESOURCE_SPANS]
        return [pair for message in requests for pair in _resource_spans(splitter, message)]
    except (WireError, DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"not an ExportTraceServiceRequest: {error}") from None


def _resource_spans(splitter: _Splitter, message: bytes) -> Iterator[tuple[Origin, bytes]]:
    fields = splitter.fields(message)
    # Pieces of a submessage, concatenated, are the merged submessage; of two strings the last one counts.
    resource = b"".join(fields[_WHOSE])
    service = service_name(Resource.FromString(resource))
    schema_url = _text(fields[_SCHEMA_URL])
    for scope_spans in fields[_CONTENT]:
        inner = splitter.fields(scope_spans)
        scope = b"".join(inner[_WHOSE])
        InstrumentationScope.FromString(scope)
        origin = Origin(service, resource, schema_url, scope, _text(inner[_SCHEMA_URL]))
        for span in inner[_CONTENT]:
            yield origin, span


def _text(values: list[bytes]) -> str:
    return values[-1].decode() if values else ""
