"""Whether the rate limit can be reached without taking from others."""

from loadtests.answers import UNAUTHORIZED, Answer

MAX_BURST = 200
"""Requests: as many as one more user may send at once without being felt by the others."""


def burst(answer: Answer) -> int:
    """Return how many requests a client may send at once, as an answer tells; 0 when it does not."""
    text = answer.headers.get("RateLimit-Limit", "")
    return int(text) if text.isdigit() else 0


def why_not(answer: Answer, *, alone: bool) -> str | None:
    """Return why the limit is not to be reached on purpose; None when it may be.

    Args:
        answer: The answer to a request of the one who would do it.
        alone: Whether its requests are counted apart from all others'.
    """
    if not alone:
        return "not tried: every user comes from the same address, and would be limited with it"
    if answer.status == UNAUTHORIZED:
        return "not tried: an API key is needed, and the one there is belongs to the others"
    if not burst(answer):
        return "not tried: the api told no limit"
    if burst(answer) > MAX_BURST:
        return f"not tried: a burst of {burst(answer)} would be felt by the others (RATE_LIMIT_BURST)"
    return None
