"""What becomes of a delivery: acknowledged, retried, or dead-lettered."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from services.common.messaging.messages import Delivery, Settlement
from services.common.messaging.retries import MAX_ATTEMPTS, UnusableMessageError, snake_case, with_retries
from tests.unit.fakes import delivery

GOOD = b'{"number": 1}'
SOUND = {"x-attempt": 1, "x-first-published-at": 1}


class Numbered(BaseModel):
    """An event."""

    number: int


class BrokenTapError(Exception):
    """No retry can help."""


class DryWellError(Exception):
    """May pass."""


@dataclass
class Work:
    """Stands for a use case and for failing its order: does as the test says, and remembers."""

    handled: int = 0
    error: BaseException | None = None
    dead_letter_error: Exception | None = None
    dead: list[tuple[bytes, str]] = field(default_factory=list)

    async def handle(self, _: Numbered) -> str:
        self.handled += 1
        if self.error is not None:
            raise self.error
        return "done"

    async def on_dead_letter(self, body: bytes, reason: str) -> None:
        if self.dead_letter_error is not None:
            raise self.dead_letter_error
        self.dead.append((body, reason))

    async def process(self, one: Delivery, deadline: float = 5) -> Settlement:
        return await with_retries(
            Numbered.model_validate_json,
            self.handle,
            on_dead_letter=self.on_dead_letter,
            non_retryable=(BrokenTapError,),
            deadline_seconds=deadline,
        )(one)


TAP, WELL, BUG = BrokenTapError("broken"), DryWellError("dry"), KeyError("x")


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        (None, 1, ("ack", "done")),
        *((WELL, attempt, ("retry", "dry_well")) for attempt in range(1, MAX_ATTEMPTS)),
        (BUG, 1, ("retry", "key")),
        (WELL, MAX_ATTEMPTS, ("dead_letter", "retries_exhausted")),
        (WELL, 9, ("dead_letter", "retries_exhausted")),
        (TAP, 1, ("dead_letter", "broken_tap")),
    ],
)
async def test_what_becomes_of_a_delivery(
    error: Exception | None, attempt: int, expected: tuple[str, str]
) -> None:
    """An error, a bug too, is retried three times unless no retry can help; a dead letter fails its order."""
    work = Work(error=error)
    settlement = await work.process(delivery(GOOD, x_attempt=attempt))
    assert (settlement.action, settlement.outcome) == expected
    assert error in {settlement.error, getattr(settlement.error, "__cause__", None)}
    assert work.dead == ([(GOOD, expected[1])] if expected[0] == "dead_letter" else [])


async def test_a_use_case_that_hangs_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the deadline the attempt is an error like any other."""
    work = Work()
    monkeypatch.setattr(work, "handle", lambda _: asyncio.Event().wait())
    settlement = await asyncio.wait_for(work.process(delivery(GOOD), deadline=0.01), 5)
    assert (settlement.action, settlement.outcome) == ("retry", "timeout")


@pytest.mark.parametrize("attempt", [1, 4, 9])
async def test_a_dead_letter_whose_order_cannot_be_failed_is_retried(attempt: int) -> None:
    """However often: else the order would be stuck for ever."""
    work = Work(error=TAP, dead_letter_error=ConnectionError("no store"))
    with capture_logs() as logs:
        settlement = await work.process(delivery(GOOD, x_attempt=attempt))
    assert settlement == Settlement("retry", "give_up_failed", work.dead_letter_error)
    assert [line["log_level"] for line in logs] == ["warning"]


async def test_a_cancelled_use_case_is_not_settled() -> None:
    """At shutdown the delivery goes back to the broker; nothing is decided."""
    with pytest.raises(asyncio.CancelledError):
        await Work(error=asyncio.CancelledError()).process(delivery(GOOD))


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"body": b"{}"}, "schema_violation", "number: Field required"),
        ({"headers": {}}, "invalid_headers", "x-attempt"),
        ({"headers": {"x-attempt": 1}}, "invalid_headers", "x-first-published-at"),
        ({"headers": {"x-attempt": "1", "x-first-published-at": 1}}, "invalid_headers", "x-attempt"),
        ({"message_id": None}, "invalid_headers", "message_id"),
        ({"message_id": ""}, "invalid_headers", "message_id"),
        ({"correlation_id": None}, "invalid_headers", "correlation_id"),
        ({"headers": {**SOUND, "traceparent": b"00"}}, "invalid_headers", "traceparent"),
    ],
)
async def test_poison_is_dead_lettered_with_its_reason(
    change: dict[str, Any], reason: str, detail: str
) -> None:
    """The use case never sees it, the reason is one word, and the error says the rest."""
    work = Work()
    poison = replace(delivery(GOOD), **change)
    settlement = await work.process(poison)
    assert (settlement.action, settlement.outcome) == ("dead_letter", reason)
    assert isinstance(settlement.error, UnusableMessageError)
    assert detail in str(settlement.error)
    assert (work.handled, work.dead) == (0, [(poison.body, reason)])


@pytest.mark.parametrize(
    ("error", "label"),
    [
        (TimeoutError(), "timeout"),
        (DryWellError(), "dry_well"),
        (Exception(), "exception"),
        (ValueError(), "value"),
        (type("HTTP2Error", (Exception,), {})(), "http2"),
    ],
)
def test_errors_as_labels(error: Exception, label: str) -> None:
    """A class's name without its ending, in snake case, and never empty."""
    assert snake_case(error) == label


@pytest.mark.parametrize(("redelivered", "action"), [(False, "ack"), (True, "dead_letter")])
async def test_only_the_broker_counts_redeliveries(redelivered: bool, action: str) -> None:  # noqa: FBT001 - a case
    """The header of a first delivery is its publisher's, who may have put anything there."""
    one = replace(delivery(GOOD, x_delivery_count=2**40), redelivered=redelivered)
    assert (await Work().process(one)).action == action
