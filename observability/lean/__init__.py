"""A small tracer provider: OpenTelemetry's API, the SDK's semantics, a fraction of its cost.

What is rare (limits that are reached, unusual values, events) is left to the SDK's own containers, so that it
cannot differ; what every span does is plain Python on plain dicts. `TRACER_PROVIDER=sdk` takes the SDK.
"""

from observability.lean.provider import LeanTracerProvider
from observability.lean.sampling import Sampling, sampling
from observability.lean.span import LeanSpan

__all__ = ["LeanSpan", "LeanTracerProvider", "Sampling", "sampling"]
