"""Whether an answer is right: a refusal that was asked for is a success, if it tells all that it must."""

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from loadtests.identity import Journey

OK, ACCEPTED, ERROR, UNAUTHORIZED, TOO_MANY = 200, 202, 400, 401, 429
PROBLEM = "application/problem+json"
NEED_RETRY_AFTER = {429, 503}
MAX_SHOWN = 200


class Headers(Protocol):
    """Headers of an answer, whatever their case."""

    def get(self, name: str, default: str, /) -> str:
        """Return a header."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 when nothing did."""

    status: int
    headers: Headers
    body: bytes
    """Empty where it is read as it comes."""


def complaint(answer: Answer, expected: Collection[int], journey: Journey, replay_of: str = "") -> str | None:
    """Return what is wrong with an answer, the status first; None when it is as it must be.

    Args:
        answer: The answer.
        expected: The statuses that are right.
        journey: Whose request it answers.
        replay_of: The order that it must tell of, and say that it does so again.
    """
    if answer.status not in expected:
        return f"answered {answer.status}: {_excerpt(answer.body)}"
    if answer.headers.get("X-Correlation-ID", "") != journey.correlation_id:
        return "the answer lacks the request's correlation id"
    if replay_of and document(answer.body).get("id") != replay_of:
        return "the same key is another order"
    if replay_of and answer.headers.get("Idempotency-Replayed", "") != "true":
        return "a replay that does not say so"
    return _problem_complaint(answer, journey) if answer.status >= ERROR else None


def document(body: bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one where there is none."""
    with suppress(ValueError):
        found = json.loads(body)
        return found if isinstance(found, dict) else {}
    return {}


def _problem_complaint(answer: Answer, journey: Journey) -> str | None:
    """Problem details (RFC 9457), with the ids that the request came with."""
    if answer.headers.get("Content-Type", "").partition(";")[0] != PROBLEM:
        return f"{answer.status} without problem details"
    problem = document(answer.body)
    ids = {"correlation_id": journey.correlation_id, "trace_id": journey.trace_id}
    expected = {"status": answer.status, **ids}
    # Without telemetry there is no trace to name.
    wrong = {name for name, value in expected.items() if problem.get(name, value) != value}
    wrong |= {"type", "title", "status", "correlation_id"} - problem.keys()
    if wrong:
        return f"{answer.status} whose problem details are wrong: {', '.join(sorted(wrong))}"
    wait = answer.headers.get("Retry-After", "")
    if answer.status in NEED_RETRY_AFTER and not (wait.isdigit() and int(wait)):
        return f"{answer.status} without Retry-After"
    return None


def _excerpt(body: bytes) -> str:
    problem = document(body)
    # Ids would make every failure one of its own.
    text = str(problem.get("detail") or problem or body.decode(errors="replace") or "nothing")
    return text[:MAX_SHOWN]
