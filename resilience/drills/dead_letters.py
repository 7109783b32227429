"""The dead letters of a drill: they are replayed or discarded, and older ones are left alone."""

import time
from collections.abc import Iterator
from datetime import datetime

from stack.errors import StackError
from stack.operators import Operator

ROUTES = "dead-letters"
PAGE = 100
MAX_LISTED = 5000
"""Dead letters of a queue that are looked through."""
UNREADABLE = {"malformed_json"}
PAUSE_SECONDS = 1.0
QUIET_ROUNDS = 3
"""After so many rounds without a dead letter none will come: services notice a repair within a second."""


def clear(operator: Operator, since: float, seconds: float) -> None:
    """Replay what was dead-lettered since a Unix time until nothing is left; discard what is unreadable.

    Raises:
        StackError: The api does not answer, or dead letters keep coming back, for so many seconds.
    """
    deadline, quiet = time.monotonic() + seconds, 0
    while quiet < QUIET_ROUNDS:
        trouble = "dead letters of the drill still come back: make dead-letters"
        try:
            quiet = 0 if _clear_once(operator, since) else quiet + 1
        except StackError as error:  # the api may be reconnecting to the broker
            quiet, trouble = 0, str(error)
        if time.monotonic() > deadline:
            raise StackError(f"after {seconds:.0f} s {trouble}")
        time.sleep(PAUSE_SECONDS)


def count(operator: Operator, queue: str) -> int | None:
    """Return how many dead letters are in a queue; None when the api cannot tell yet."""
    try:
        queues = operator.ask("GET", ROUTES)["items"]
    except StackError:  # the api may not have connected to the broker yet
        return None
    return sum(int(one["count"]) for one in queues if one["queue"] == queue)


def _clear_once(operator: Operator, since: float) -> int:
    """Replay or discard each dead letter once, and return how many there were."""
    found = list(_list(operator, since))
    for queue, dead_letter, reason in found:
        method, *action = ("DELETE",) if reason in UNREADABLE else ("POST", "replay")
        operator.ask(method, ROUTES, queue, dead_letter, *action)
    return len(found)


def _list(operator: Operator, since: float) -> Iterator[tuple[str, str, str]]:
    """Yield queue, id and reason of each dead letter."""
    for queue in [one["queue"] for one in operator.ask("GET", ROUTES)["items"] if one["count"]]:
        for offset in range(0, MAX_LISTED, PAGE):
            page = operator.ask("GET", ROUTES, queue, offset=offset, limit=PAGE)["items"]
            for one in page:
                at = one["dead_lettered_at"]
                if at and datetime.fromisoformat(at).timestamp() >= since:
                    yield queue, one["id"], one["reason"]
            if len(page) < PAGE:
                break
