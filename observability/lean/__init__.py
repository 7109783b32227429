"""A small tracer provider behind OpenTelemetry's API; `TELEMETRY=stock` takes the SDK's instead."""
