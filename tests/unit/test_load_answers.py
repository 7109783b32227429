"""Answers that a load test may count as right: also refusals, when they say what they must."""

import json
from typing import Any

import pytest

from loadtests.answers import Answer, complaint, why_not_over_limit
from tests.unit.load_samples import journey

US = journey(1)
WRONG = "422 whose problem details are wrong: "
PROBLEM: dict[str, Any] = {
    "type": "urn:orderscope:problem:validation",
    "title": "Unprocessable Content",
    "status": 422,
    "correlation_id": US.correlation_id,
}


def answer(status: int = 200, body: object = None, **headers: str) -> Answer:
    """Return an answer to our journey; an underscore in a header's name is a hyphen."""
    media = "application/json" if status < 400 else "application/problem+json; charset=utf-8"
    ours = {"x-correlation-id": US.correlation_id, "content-type": media}
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Answer(status, {**ours, **given}, json.dumps(body).encode())


def refusal(status: int, headers: dict[str, str] | None = None, **changes: Any) -> Answer:  # noqa: ANN401 - JSON
    """Return a problem that is right, but for these changes; None removes a member."""
    members = {**PROBLEM, "status": status, **changes}
    return answer(status, {k: v for k, v in members.items() if v is not None}, **(headers or {}))


REPLAYED = answer(202, {"id": "a"}, Idempotency_Replayed="true")


@pytest.mark.parametrize(
    ("given", "replay_of", "expected"),
    [
        (answer(), "", None),
        (answer(202, {"id": "a"}), "", None),
        (refusal(422), "", None),
        (refusal(429, {"Retry_After": "1"}), "", None),
        (refusal(503, detail="full"), "", "answered 503: full"),
        (answer(204), "", "answered 204: null"),
        # Without the ids: each failure would be a kind of its own.
        (Answer(500, {}, b"<html>"), "", "answered 500: <html>"),
        (Answer(500, {}, b"[1]"), "", "answered 500: [1]"),
        (Answer(502, {}, b""), "", "answered 502: nothing"),
        (Answer(404, {}, b"x" * 5000), "", f"answered 404: {'x' * 200}"),
        (answer(X_Correlation_ID="another"), "", "the answer lacks the request's correlation id"),
        (answer(422, PROBLEM, Content_Type="application/json"), "", "422 without problem details"),
        (refusal(422, correlation_id="another"), "", f"{WRONG}correlation_id"),
        (refusal(422, title=None, type=None), "", f"{WRONG}title, type"),
        (answer(422, []), "", f"{WRONG}correlation_id, status, title, type"),
        (answer(422, {**PROBLEM, "status": 400}), "", f"{WRONG}status"),
        (refusal(429), "", "429 without Retry-After"),
        (refusal(429, {"Retry_After": "0"}), "", "429 without Retry-After"),
        (REPLAYED, "a", None),
        (REPLAYED, "b", "the same key is another order"),
        (answer(202, {"id": "a"}), "a", "a replay that does not say so"),
    ],
)
def test_an_answer_is_right_when_it_says_all_that_it_must(
    given: Answer, replay_of: str, expected: str | None
) -> None:
    """Our id; a refusal: problem details, when to come back; a replay: that it is one."""
    assert complaint(given, (200, 202, 422, 429), US, replay_of) == expected


def test_the_limit_is_exceeded_only_where_nobody_else_is_limited_with_it() -> None:
    """The user needs an identity of its own, and a burst that is small."""
    small = answer(RateLimit_Limit="100")
    assert small.burst == 100
    assert why_not_over_limit(small, alone=True) is None
    assert "same address" in str(why_not_over_limit(small, alone=False))
    assert "a burst of 2000" in str(why_not_over_limit(answer(RateLimit_Limit="2000"), alone=True))
    assert "named no limit" in str(why_not_over_limit(answer(), alone=True))
    assert "API key is needed" in str(why_not_over_limit(answer(401), alone=True))
