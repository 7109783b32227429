"""Everything that runs the system natively: servers, development backends, the demo."""
