"""Telemetry and nothing else: traces, metrics, logs and correlation ids, set up by one call a service.

A service's `app.py` calls `setup` and wraps what it builds with the `Telemetry` that it gets. Nothing in here
imports a service, and no use case imports anything in here.
"""

from observability.propagation import context_headers, current_ids
from observability.settings import TelemetrySettings
from observability.setup import Telemetry, note_wait, setup

__all__ = ["Telemetry", "TelemetrySettings", "context_headers", "current_ids", "note_wait", "setup"]
