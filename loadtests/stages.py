"""How many users there are when: the shapes as functions of time."""

import math

RAMP_STEPS = 10
SPIKE_BEGINS, SPIKE_ENDS = 0.4, 0.6
"""As shares of the whole time."""
BETWEEN_SPIKES = 0.2
"""The share of the users that is there before and after the spike."""


def users_at(shape: str, second: float, *, seconds: float, users: int) -> int | None:
    """Return how many users place orders at a second; None at the end.

    `steady` and `soak` are all of them all the time; `ramp` adds a tenth of them ten times; `spike` is all of
    them for a fifth of the time, and a fifth of them before and after.
    """
    if second >= seconds:
        return None
    passed = second / seconds
    if shape == "ramp":
        return math.ceil(users * (math.floor(passed * RAMP_STEPS) + 1) / RAMP_STEPS)
    if shape == "spike" and not SPIKE_BEGINS <= passed < SPIKE_ENDS:
        return math.ceil(users * BETWEEN_SPIKES)
    return users
