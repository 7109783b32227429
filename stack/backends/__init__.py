"""Small stand-ins for Jaeger and Mailpit: the trace store and the inbox."""
