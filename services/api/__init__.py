"""Orders over HTTP: accepts, shows and streams them. Knows nothing of how an order is fulfilled."""
