"""Random numbers that can be repeated."""

from random import Random


def chance(seed: int, purpose: str) -> Random:
    """Return the random numbers of a seed for one purpose; what other purposes draw does not change them."""
    return Random(f"{seed} {purpose}")  # noqa: S311 - to be repeatable is the point
