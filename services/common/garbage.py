"""Python's garbage collector, told what a service is: much that stays, and little that goes in circles."""

import gc

YOUNG, MIDDLE, OLD = 20_000, 20, 50
"""A look at young objects for each 20,000 that were made and not freed, not for each 700."""


def keep_what_is_there() -> None:
    """Never look again at what was made until now: modules, models, routes, connections.

    A full collection looks at all of it while requests wait (tens of ms), and finds nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
