"""Whether an answer is right: an expected refusal is a success when it says all that it must."""

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from loadtests.journey import Journey

OK, ACCEPTED, ERROR, UNAUTHORIZED, TOO_MANY = 200, 202, 400, 401, 429
PROBLEM = "application/problem+json"
NEED_RETRY_AFTER = {429, 503}
MAX_SHOWN = 200
MAX_BURST = 200
"""How many requests one more user may send at once without slowing down the others."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the api; status 0 when there was none."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes
    stream: Iterable[bytes] = ()
    """The lines of an event stream as they arrive; the body is empty then."""

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one when it is none."""
        with suppress(ValueError):
            found = json.loads(self.body)
            return found if isinstance(found, dict) else {}
        return {}

    @property
    def burst(self) -> int:
        """How many requests a client may send at once; 0 when the answer does not say."""
        text = self.headers.get("ratelimit-limit", "")
        return int(text) if text.isdigit() else 0


def complaint(answer: Answer, expected: Collection[int], journey: Journey, replay_of: str = "") -> str | None:
    """Return what is wrong with an answer; None when it is as it must be.

    Args:
        answer: The answer.
        expected: The statuses that are right.
        journey: Whose request was answered.
        replay_of: The id of the order that the answer must repeat, and say that it does so.
    """
    headers = answer.headers
    if answer.status not in expected:
        problem = answer.document
        # Only the detail: with its ids, every failure would be an entry of its own.
        text = str(problem.get("detail") or problem or answer.body.decode(errors="replace") or "nothing")
        return f"answered {answer.status}: {text[:MAX_SHOWN]}"
    if headers.get("x-correlation-id") != journey.correlation_id:
        return "the answer lacks the request's correlation id"
    if replay_of and answer.document.get("id") != replay_of:
        return "the same key is another order"
    if replay_of and headers.get("idempotency-replayed") != "true":
        return "a replay that does not say so"
    return _refusal_complaint(answer, journey) if answer.status >= ERROR else None


def _refusal_complaint(answer: Answer, journey: Journey) -> str | None:
    """Check problem details (RFC 9457), and that they name the ids of the request."""
    if answer.headers.get("content-type", "").partition(";")[0] != PROBLEM:
        return f"{answer.status} without problem details"
    problem = answer.document
    ids = {"correlation_id": journey.correlation_id, "trace_id": journey.trace_id}
    expected = {"status": answer.status, **ids}
    # Without telemetry there is no trace to name.
    wrong = {name for name, value in expected.items() if problem.get(name, value) != value}
    wrong |= {"type", "title", "status", "correlation_id"} - problem.keys()
    if wrong:
        return f"{answer.status} whose problem details are wrong: {', '.join(sorted(wrong))}"
    wait = answer.headers.get("retry-after", "")
    if answer.status in NEED_RETRY_AFTER and not (wait.isdigit() and int(wait)):
        return f"{answer.status} without Retry-After"
    return None


def why_not_over_limit(answer: Answer, *, alone: bool) -> str | None:
    """Return why a user must not exceed the rate limit on purpose; None when it may.

    Args:
        answer: The answer to a request of that user.
        alone: Whether its requests are counted apart from all others'.
    """
    if not alone:
        return "not tried: every user comes from the same address, and would be limited with it"
    if answer.status == UNAUTHORIZED:
        return "not tried: an API key is needed, and the one there is belongs to the others"
    if not answer.burst:
        return "not tried: the api named no limit"
    if answer.burst > MAX_BURST:
        return f"not tried: a burst of {answer.burst} would slow down the others (RATE_LIMIT_BURST)"
    return None
