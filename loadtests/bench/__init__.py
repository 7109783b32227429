"""What the services can do on one core, side by side with bare references, and what telemetry costs."""
