"""Dead letters: what was set aside during a drill is cleaned up, and nothing that lay there before."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from stack.errors import StackError
from stack.operators import Operator

LETTERS = "dead-letters"
PAGE = 100
MOST = 5000
"""Letters of a queue that are looked through."""
HOPELESS = {"malformed_json"}
PAUSE_SECONDS = 1.0
QUIET_ROUNDS = 3
"""After so many looks without a new letter there will be none: services learn of a repair within a second."""


def settle(operator: Operator, since: float, seconds: float) -> None:
    """Replay what was set aside since a Unix time, until nothing is; discard only what nobody can read.

    Raises:
        StackError: The api does not answer, or letters keep coming back, for so many seconds.
    """
    deadline, quiet = time.monotonic() + seconds, 0
    while quiet < QUIET_ROUNDS:
        try:
            quiet = 0 if _round(operator, since) else quiet + 1
        except StackError:  # its connection to the broker may just be coming back
            if time.monotonic() > deadline:
                raise
            quiet = 0
        if time.monotonic() > deadline:
            raise StackError(f"letters of the drill still come back after {seconds:.0f} s: make dead-letters")
        time.sleep(PAUSE_SECONDS)


def lying(operator: Operator, labels: str) -> int | None:
    """Return how many letters lie in the queue that an alert's labels name; None when nobody can say yet."""
    try:
        queues = operator.ask("GET", LETTERS)["items"]
    except StackError:  # the api may not have connected to the broker yet
        return None
    return sum(int(one["count"]) for one in queues if f'"{one["queue"]}"' in labels)


def _round(operator: Operator, since: float) -> int:
    """Deal with the letters that are there, and return how many they were."""
    found = list(_set_aside(operator, since))
    for queue, letter, reason in found:
        if reason in HOPELESS:
            operator.ask("DELETE", LETTERS, queue, letter)
        else:
            operator.ask("POST", LETTERS, queue, letter, "replay")
    return len(found)


def _set_aside(operator: Operator, since: float) -> Iterator[tuple[str, str, str]]:
    """Yield queue, id and reason of each letter."""
    for queue in [one["queue"] for one in operator.ask("GET", LETTERS)["items"] if one["count"]]:
        for offset in range(0, MOST, PAGE):
            page = operator.ask("GET", LETTERS, queue, offset=offset, limit=PAGE)["items"]
            for one in page:
                if one["dead_lettered_at"] and _unix(one["dead_lettered_at"]) >= since:
                    yield queue, one["id"], one["reason"]
            if len(page) < PAGE:
                break


def _unix(moment: str) -> float:
    return datetime.fromisoformat(moment).astimezone(UTC).timestamp()
