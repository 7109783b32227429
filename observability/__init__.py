"""Telemetry and nothing else: traces, metrics, logs and correlation ids, set up by one call a service.

A service's `app.py` calls `setup` and wraps what it builds: `Telemetry.http` an ASGI app,
`Telemetry.consumer` the processing of a delivery, `Telemetry.publisher` the publishing of a batch,
`Telemetry.traced` any async function. Nothing in here imports a service, and no use case imports
anything in here.
"""

from observability.correlation import context_headers, correlation_id, current_ids
from observability.settings import TelemetrySettings
from observability.spans import redis_command
from observability.telemetry import Telemetry, setup

__all__ = [
    "Telemetry",
    "TelemetrySettings",
    "context_headers",
    "correlation_id",
    "current_ids",
    "redis_command",
    "setup",
]
