"""Spans and log lines over OTLP/HTTP, encoded by hand, because encoding is what exporting costs."""

from observability.otlp.configured import options
from observability.otlp.environment import OtlpSettings, otlp_settings
from observability.otlp.exporter import OtlpExporter
from observability.otlp.log_records import log_records
from observability.otlp.span_exporter import OtlpSpanExporter
from observability.otlp.tls import tls_context

__all__ = [
    "OtlpExporter",
    "OtlpSettings",
    "OtlpSpanExporter",
    "log_records",
    "options",
    "otlp_settings",
    "tls_context",
]
