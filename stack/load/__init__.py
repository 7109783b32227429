"""`make load`: runs the load tests against the native stack, or against any address."""
