"""The HTTP server and the health routes."""
