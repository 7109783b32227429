"""What becomes of a delivery: acknowledged, retried or dead-lettered. Use cases just return or raise."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from services.common.errors import describe
from services.common.messaging.messages import (
    ATTEMPT,
    FIRST_PUBLISHED_AT,
    TRACEPARENT,
    Delivery,
    Process,
    Settlement,
    positive,
)
from services.common.messaging.topology import MAX_REDELIVERIES, RETRY_DELAYS_SECONDS

log = structlog.get_logger(__name__)
Event = TypeVar("Event")

MAX_ATTEMPTS = len(RETRY_DELAYS_SECONDS) + 1

RETRY_REASONS = ("timeout", "give_up_failed")
DEAD_LETTER_REASONS = (
    "retries_exhausted",
    "redelivered_too_often",
    "invalid_headers",
    "malformed_json",
    "unknown_type",
    "schema_violation",
)
"""Why any delivery may be retried or dead-lettered; a use case adds the names of its errors."""


class UnusableMessageError(Exception):
    """A message that no retry can help; `reason` is one word for metrics and the dead-letter queue."""

    def __init__(self, reason: str, detail: str) -> None:
        """Keep the reason apart from the detail."""
        super().__init__(detail)
        self.reason = reason


def with_retries(
    parse: Callable[[bytes], Event],
    handle: Callable[[Event], Awaitable[str]],
    *,
    on_dead_letter: Callable[[bytes, str], Awaitable[None]],
    non_retryable: tuple[type[Exception], ...] = (),
    deadline_seconds: float = 30.0,
) -> Process:
    """Return the processing of a delivery around a use case.

    Args:
        parse: Validates a body; raises `pydantic.ValidationError`.
        handle: The use case; returns its outcome in one word.
        on_dead_letter: Called with the body and the reason before a delivery is dead-lettered, to fail what
            the message is about; as long as it raises, the message is retried instead.
        non_retryable: Errors of the use case that no retry can help; any other is retried after 1, 5, 30 s.
        deadline_seconds: How long the use case may take; longer is an error like any other.
    """

    async def attempt(delivery: Delivery) -> Settlement:
        check_headers(delivery)
        event = parse_body(parse, delivery.body)
        try:
            async with asyncio.timeout(deadline_seconds):
                return Settlement("ack", await handle(event))
        except non_retryable as error:
            raise UnusableMessageError(snake_case(error), str(error)) from error

    async def process(delivery: Delivery) -> Settlement:
        try:
            return await attempt(delivery)
        except UnusableMessageError as error:
            settlement = Settlement("dead_letter", error.reason, error)
        except Exception as error:  # noqa: BLE001 - a bug, too, must not stop the consumer
            if delivery.attempt < MAX_ATTEMPTS:
                return Settlement("retry", snake_case(error), error)
            settlement = Settlement("dead_letter", "retries_exhausted", error)
        try:
            await on_dead_letter(delivery.body, settlement.outcome)
        except Exception as error:  # noqa: BLE001 - whatever it is, the dead letter waits for it
            # The dead letter can wait; an order that nobody fails would be stuck for ever.
            log.warning("giving up failed, trying again", error=describe(error))
            return Settlement("retry", "give_up_failed", error)
        return settlement

    return process


def check_headers(delivery: Delivery) -> None:
    """Hold a delivery to the header contract in `contracts/schemas/headers.schema.json`.

    Raises:
        UnusableMessageError: The broker has delivered it too often, or a required header or property is
            missing or malformed.
    """
    if delivery.redeliveries >= MAX_REDELIVERIES:
        raise UnusableMessageError("redelivered_too_often", f"{delivery.redeliveries} times")
    for header in (ATTEMPT, FIRST_PUBLISHED_AT):
        if not positive(delivery.headers.get(header)):
            # Not what it is instead: that may be anything, and the detail goes into logs and headers.
            raise UnusableMessageError("invalid_headers", f"{header} must be a positive integer")
    traceparent = delivery.headers.get("traceparent")
    if traceparent is not None and not (isinstance(traceparent, str) and TRACEPARENT.fullmatch(traceparent)):
        raise UnusableMessageError("invalid_headers", "traceparent is malformed")
    if not delivery.message_id or not delivery.correlation_id:
        raise UnusableMessageError("invalid_headers", "message_id and correlation_id are required")


def parse_body(parse: Callable[[bytes], Event], body: bytes) -> Event:
    """Validate a body.

    Raises:
        UnusableMessageError: `malformed_json`, `unknown_type` or `schema_violation`; the detail names the
            fields and never repeats their values, which may be personal.
    """
    try:
        return parse(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        detail = "; ".join(_message(problem) for problem in problems[:5])
        raise UnusableMessageError(_reason(problems[0]["type"], problems[0]["loc"]), detail) from None


def _message(problem: ErrorDetails) -> str:
    # The text of a custom validator, such as an email's, quotes what it refuses.
    text = "is not valid" if problem["type"] == "value_error" else problem["msg"]
    return ": ".join(filter(None, (".".join(map(str, problem["loc"])), text)))


def _reason(kind: str, location: tuple[int | str, ...]) -> str:
    if kind == "json_invalid":
        return "malformed_json"
    return "unknown_type" if location == ("type",) else "schema_violation"


def snake_case(error: BaseException) -> str:
    """Return an error's class as a label: `PaymentUnavailableError` is `payment_unavailable`.

    It is one that `contracts/schemas/headers.schema.json` takes, whatever a library calls its errors.
    """
    name = re.sub(r"(Error|Exception)$", "", type(error).__name__) or type(error).__name__
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.sub(r"^[^a-z]+|[^a-z0-9_]", "", words)[:64] or "error"
