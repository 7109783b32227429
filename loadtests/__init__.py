"""Load: users that behave like customers, and benchmarks."""
