"""Spans as OTLP's `ExportTraceServiceRequest`, and an exporter of them for the SDK's processors."""

from collections.abc import Sequence
from typing import Unpack

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.otlp.exporter import Options, OtlpExporter, Signal
from observability.otlp.request import Encoded, record, request
from observability.otlp.spans import encode_span


def encode(spans: Sequence[ReadableSpan]) -> bytes:
    """Return the request that exports these spans, grouped by resource and within it by scope.

    Raises:
        ValueError, OverflowError, struct.error: OTLP cannot carry one of the spans, see `encode_span`.
    """
    return request(_grouped(spans))


def encode_leniently(spans: Sequence[ReadableSpan]) -> Encoded:
    """Return the request for those spans that OTLP can carry: one that it cannot costs no other."""
    try:
        return Encoded(encode(spans), len(spans))
    except Exception as error:  # noqa: BLE001  # programs can put anything into spans; it is counted and logged
        encodable = [span for span in spans if _is_encodable(span)]
        return Encoded(encode(encodable), len(encodable), repr(error))


class OtlpSpanExporter(SpanExporter):
    """Exports spans, as `OtlpExporter` exports anything."""

    def __init__(self, endpoint: str, **options: Unpack[Options]) -> None:
        """Check the configuration; nothing is opened before the first export.

        Raises:
            ValueError: An argument is malformed.
        """
        self._exporter = OtlpExporter(Signal("spans", encode_leniently), endpoint, **options)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver a batch or give it up; SUCCESS means that the server took spans of it."""
        return SpanExportResult.SUCCESS if self._exporter.export(spans) else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Refuse further batches, and give up the one in hand at once."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  # the SDK's signature
        """Return True: nothing is buffered here."""
        return True


def _is_encodable(span: ReadableSpan) -> bool:
    try:
        encode_span(span)
    except Exception:  # noqa: BLE001  # as above
        return False
    return True


def _grouped(spans: Sequence[ReadableSpan]) -> dict[Resource, dict[InstrumentationScope | None, list[bytes]]]:
    groups: dict[Resource, dict[InstrumentationScope | None, list[bytes]]] = {}
    # Hashing a resource renders it as JSON. Identity is enough within a batch, which keeps its objects alive.
    buckets: dict[tuple[int, int], list[bytes]] = {}
    for span in spans:
        resource, scope = span.resource, span.instrumentation_scope
        identity = id(resource), id(scope)
        bucket = buckets.get(identity)
        if bucket is None:
            bucket = buckets[identity] = groups.setdefault(resource, {}).setdefault(scope, [])
        bucket.append(record(encode_span(span)))
    return groups
