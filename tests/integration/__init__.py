"""Parts of the services on a real RabbitMQ and a real Redis."""
