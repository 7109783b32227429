"""The contract of what the services emit, and what holds things to it."""
