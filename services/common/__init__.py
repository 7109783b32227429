"""Domain-free plumbing: settings, AMQP, Redis, the outbox and its relay, the consumer, probes, lifetimes.

Nothing here knows what an order is, and nothing here records telemetry: what is worth seeing passes
through plain functions (`Process`, `PublishBatch`) that a service's `app.py` wraps.
"""
