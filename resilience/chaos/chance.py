"""Chance that can be repeated."""

from random import Random


def chance(seed: int, purpose: str) -> Random:
    """Return the random numbers of a seed for one purpose: no other purpose's use of its own changes them."""
    return Random(f"{seed} {purpose}")  # noqa: S311 - to be repeatable is the point
