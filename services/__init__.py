"""The services: one package each, the same shape, and `kit`, the plumbing they share."""
