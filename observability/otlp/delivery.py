"""The delivery of one request: attempts, pauses, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from itertools import count
from threading import Event
from time import monotonic
from typing import TypeAlias

from observability.otlp.connection import Reply
from observability.otlp.response import partial_success, status_message
from observability.otlp.retry import RETRYABLE_STATUSES, backoff, retry_after

EXPORTED = "exported"

Post: TypeAlias = Callable[[bytes, float], Reply]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    `reason` is `exported`, `timeout`, `connection_error`, `shutdown` or `http_<status>`; `detail` explains.
    """

    reason: str
    detail: str = ""
    rejected: int = 0  # items that the server took out of a batch that it accepted
    retryable: bool = False
    wait_at_least: float = 0.0  # seconds, as the server asked for


def deliver(post: Post, body: bytes, deadline: float, stopping: Event) -> Outcome:
    """Post until it succeeds, fails for good, or no time is left for another attempt.

    Args:
        post: Sends a body and returns the reply, before a deadline; see `Connection.post`.
        body: The request.
        deadline: For all attempts and pauses together, on the monotonic clock.
        stopping: Once set, no further attempt is made, and a pause ends.
    """
    for attempt in count():
        outcome = _attempt(post, body, deadline)
        if not outcome.retryable:
            break
        pause = max(backoff(attempt), outcome.wait_at_least)
        there_is_time = monotonic() + pause < deadline
        if stopping.wait(pause if there_is_time else 0):
            return Outcome("shutdown", f"after {outcome.reason}: {outcome.detail}")
        if not there_is_time:
            break
    return outcome


def _attempt(post: Post, body: bytes, deadline: float) -> Outcome:
    try:
        reply = post(body, deadline)
    except TimeoutError as error:
        return Outcome("timeout", str(error), retryable=True)
    except (OSError, HTTPException) as error:
        return Outcome("connection_error", f"{type(error).__name__}: {error}", retryable=True)
    if 200 <= reply.status < 300:  # noqa: PLR2004  # HTTP's successes
        partial = partial_success(reply.body)
        return Outcome(EXPORTED, partial.message, rejected=partial.rejected)
    return Outcome(
        f"http_{reply.status}",
        status_message(reply.body),
        retryable=reply.status in RETRYABLE_STATUSES,
        wait_at_least=retry_after(reply.retry_after),
    )
