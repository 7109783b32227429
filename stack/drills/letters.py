"""Cleaning up: what was set aside during a drill, and nothing that lay there before."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from stack.operators import Operator

LETTERS = "dead-letters"
PAGE = 100
MOST = 2000
"""Letters that are settled one by one; a drill sets aside a handful."""
HOPELESS = {"malformed_json"}
AGAIN_SECONDS = 2.0
"""How long a replayed letter may take to fail again."""


def settle(operator: Operator, since: float) -> None:
    """Replay what was set aside since a Unix time; discard what nobody can read, or what fails again.

    Raises:
        StackError: The api refuses or cannot be reached.
    """
    replayed = 0
    for queue, letter, reason in list(_set_aside(operator, since)):
        if reason not in HOPELESS:
            operator.ask("POST", LETTERS, queue, letter, "replay")
            replayed += 1
    if replayed:
        time.sleep(AGAIN_SECONDS)
    for queue, letter, _ in list(_set_aside(operator, since)):
        operator.ask("DELETE", LETTERS, queue, letter)


def _set_aside(operator: Operator, since: float) -> Iterator[tuple[str, str, str]]:
    """Yield queue, id and reason."""
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
