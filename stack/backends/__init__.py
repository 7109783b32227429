"""Small stand-ins for Jaeger and Mailpit: programs that the native stack runs, with nothing on disk."""
