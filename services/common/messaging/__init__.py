"""AMQP: the connection, topology, publisher, consumer, retries and dead letters."""
