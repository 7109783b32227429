"""Spans over OTLP/HTTP, with the wire format written by hand, because encoding is what exporting costs."""

from observability.otlp.environment import OtlpSettings, otlp_settings
from observability.otlp.exporter import OtlpSpanExporter
from observability.otlp.request import encode
from observability.otlp.tls import tls_context

__all__ = ["OtlpSettings", "OtlpSpanExporter", "encode", "otlp_settings", "tls_context"]
