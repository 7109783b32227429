"""`python -m loadtests.bench.stock MODULE`: a bare program with the stock instrumentation and its defaults.

`make bench` installs the instrumentations (`stock.lock`), without dependencies: the one of aio-pika demands
siblings of another beta release than FastAPI's does.
"""

import runpy
import sys
from importlib import import_module
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

INSTRUMENTATIONS = {
    "fastapi": "FastAPIInstrumentor",
    "aio_pika": "AioPikaInstrumentor",
    "redis": "RedisInstrumentor",
}

if __name__ == "__main__":
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    for package, name in INSTRUMENTATIONS.items():
        module: Any = import_module(f"opentelemetry.instrumentation.{package}")
        getattr(module, name)().instrument()
    runpy.run_module(sys.argv[1], run_name="__main__")
