"""The stock way to instrument the bare references: OpenTelemetry's SDK, exporter and instrumentations.

They are installed by `make bench` (`stock.lock`), without dependencies: the one of aio-pika demands siblings
of another beta release than FastAPI's does.
"""

from importlib import import_module
from typing import Any

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

INSTRUMENTATIONS = {"aio_pika": "AioPikaInstrumentor", "redis": "RedisInstrumentor"}


def instrument(app: FastAPI | None = None) -> None:
    """Have every request, message and command traced, with everybody's defaults."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    for package, name in INSTRUMENTATIONS.items():
        module: Any = import_module(f"opentelemetry.instrumentation.{package}")
        getattr(module, name)().instrument()
    if app is not None:
        FastAPIInstrumentor.instrument_app(app)
