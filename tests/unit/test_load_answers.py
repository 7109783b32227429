"""Answers that a load test may count as right: also refusals, when they say what they must."""

import json
from typing import Any

import pytest

from loadtests.answers import Answer, complaint, why_not_over_limit
from tests.unit.load_samples import journey

US = journey(1)
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


def test_what_was_expected_is_right() -> None:
    """With our correlation id."""
    assert complaint(answer(), (200,), US) is None
    assert complaint(answer(202, {"id": "a"}), (202,), US) is None
    assert complaint(refusal(422), (422,), US) is None
    assert complaint(refusal(429, {"Retry_After": "1"}), (200, 429), US) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (refusal(503, detail="full"), "answered 503: full"),
        (answer(200), "answered 200: null"),
        (Answer(500, {}, b"<html>"), "answered 500: <html>"),
        (Answer(500, {}, b"[1]"), "answered 500: [1]"),
        (Answer(502, {}, b""), "answered 502: nothing"),
        (Answer(404, {}, b"x" * 5000), f"answered 404: {'x' * 200}"),
    ],
)
def test_another_status_is_reported_with_its_reason(given: Answer, expected: str) -> None:
    """Without the ids: each failure would be a kind of its own."""
    assert complaint(given, (202,), US) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(X_Correlation_ID="another"), "the answer lacks the request's correlation id"),
        (answer(422, PROBLEM, Content_Type="application/json"), "422 without problem details"),
        (refusal(422, correlation_id="another"), "422 whose problem details are wrong: correlation_id"),
        (refusal(422, title=None, type=None), "422 whose problem details are wrong: title, type"),
        (answer(422, []), "422 whose problem details are wrong: correlation_id, status, title, type"),
        (answer(422, {**PROBLEM, "status": 400}), "422 whose problem details are wrong: status"),
        (refusal(429), "429 without Retry-After"),
        (refusal(429, {"Retry_After": "0"}), "429 without Retry-After"),
    ],
)
def test_a_refusal_that_was_asked_for_fails_when_it_is_not_as_promised(given: Answer, expected: str) -> None:
    """Status, media type, members, our id, when to come back."""
    assert complaint(given, (200, 422, 429), US) == expected


def test_the_same_key_is_the_same_order() -> None:
    """And the answer says that it is a replay."""
    replayed = answer(202, {"id": "a"}, Idempotency_Replayed="true")
    assert complaint(replayed, (202,), US, "a") is None
    assert complaint(replayed, (202,), US, "b") == "the same key is another order"
    assert complaint(answer(202, {"id": "a"}), (202,), US, "a") == "a replay that does not say so"


def test_the_limit_is_exceeded_only_where_nobody_else_is_limited_with_it() -> None:
    """The user needs an identity of its own, and a burst that is small."""
    small = answer(RateLimit_Limit="100")
    assert small.burst == 100
    assert why_not_over_limit(small, alone=True) is None
    assert "same address" in str(why_not_over_limit(small, alone=False))
    assert "a burst of 2000" in str(why_not_over_limit(answer(RateLimit_Limit="2000"), alone=True))
    assert "named no limit" in str(why_not_over_limit(answer(), alone=True))
    assert "API key is needed" in str(why_not_over_limit(answer(401), alone=True))
