"""The outbox: the stream in Redis and the relay that publishes it."""
