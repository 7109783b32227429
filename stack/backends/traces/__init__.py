"""A trace store for development: receives OTLP/HTTP, answers Jaeger's `/api/v3`, keeps the latest traces."""
