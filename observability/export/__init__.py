"""Spans and log lines over OTLP/HTTP with JSON: encoded, batched and sent in a background thread."""
