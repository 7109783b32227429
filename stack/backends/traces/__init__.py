"""A development trace store: receives OTLP/HTTP, answers Jaeger 2's query paths, keeps the latest traces."""
