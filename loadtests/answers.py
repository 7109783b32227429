"""Whether an answer is right: an expected refusal is a success when it says all that it must."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from loadtests.journey import Journey

PROBLEM = "application/problem+json"
NEED_RETRY_AFTER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
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
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def burst(self) -> int:
        """How many requests a client may send at once; 0 when the answer does not say."""
        text = self.headers.get("ratelimit-limit", "")
        return int(text) if text.isdigit() else 0


def complaint(answer: Answer, expected: Collection[int], journey: Journey, replay_of: str = "") -> str | None:
    """Return what is wrong with the answer to a journey's request; None when it is as it must be.

    With the id of another order in `replay_of`, the answer must repeat that order, and say that it does so.
    """
    return next(_complaints(answer, expected, journey, replay_of), None)


def _complaints(answer: Answer, expected: Collection[int], journey: Journey, replay_of: str) -> Iterator[str]:
    status, headers, found = answer.status, answer.headers, answer.document
    if status not in expected:
        # Only the detail: with its ids, every failure would be an entry of its own.
        text = str(found.get("detail") or found or answer.body.decode(errors="replace") or "nothing")
        yield f"answered {status}: {text[:MAX_SHOWN]}"
    if headers.get("x-correlation-id") != journey.correlation_id:
        yield "the answer lacks the request's correlation id"
    if replay_of and found.get("id") != replay_of:
        yield "the same key is another order"
    if replay_of and headers.get("idempotency-replayed") != "true":
        yield "a replay that does not say so"
    if status < HTTPStatus.BAD_REQUEST:
        return
    # A refusal has problem details (RFC 9457), which name the request. Its trace may be the
    # api's own: a stranger's is not continued.
    if headers.get("content-type", "").partition(";")[0] != PROBLEM:
        yield f"{status} without problem details"
    right = {"status": status, "correlation_id": journey.correlation_id}
    wrong = {"type", "title"} - found.keys() | {name for name in right if found.get(name) != right[name]}
    if wrong:
        yield f"{status} whose problem details are wrong: {', '.join(sorted(wrong))}"
    wait = headers.get("retry-after", "")
    if status in NEED_RETRY_AFTER and not (wait.isdigit() and int(wait)):
        yield f"{status} without Retry-After"


def why_not_over_limit(answer: Answer, *, alone: bool) -> str | None:
    """Return why a user who got this answer must not exceed the rate limit on purpose; None when it may.

    It is `alone` when its requests are counted apart from all others'.
    """
    if not alone:
        return "not tried: every user comes from the same address, and would be limited with it"
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return "not tried: an API key is needed, and the one there is belongs to the others"
    if not answer.burst:
        return "not tried: the api named no limit"
    if answer.burst > MAX_BURST:
        return f"not tried: a burst of {answer.burst} would slow down the others (RATE_LIMIT_BURST)"
    return None
