"""The operators' routes under `/v1/dead-letters`: look at what was set aside, replay it, discard it."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Path, Query

from services.api.letters import (
    Handled,
    LetterId,
    LetterPage,
    LetterQueue,
    LetterQueues,
    WholeLetter,
    letter,
    whole_letter,
)
from services.api.problems import ProblemError, documented
from services.common.errors import describe
from services.common.messaging.connection import BROKER_ERRORS
from services.common.messaging.dead_letters import DeadLetters, OperatorBusyError, UnknownQueueError

log = structlog.get_logger(__name__)

RETRY_SOON = {"Retry-After": "1"}
Dependency = Callable[..., Awaitable[None]]


def dead_letters_router(letters: DeadLetters, before: Sequence[Dependency]) -> APIRouter:
    """Return the routes, each behind what has to let a request pass: the rate limit, the operator token."""
    router = APIRouter(
        prefix="/v1/dead-letters",
        tags=["dead letters"],
        dependencies=[Depends(dependency) for dependency in before],
        responses=documented(401, 404, 409, 422, 429, 500, 503),
    )

    def known(queue: Annotated[str, Path(examples=["worker.order-created.dlq"])]) -> str:
        if queue not in letters.queues:
            raise ProblemError(404, "not-found", f"the dead-letter queues are {', '.join(letters.queues)}")
        return queue

    _looking(router, letters, Depends(known))
    _handling(router, letters, Depends(known))
    return router


def _looking(router: APIRouter, letters: DeadLetters, known: Any) -> None:  # noqa: ANN401 - as FastAPI has it
    queue_name = Annotated[str, known]

    @router.get("")
    async def list_dead_letter_queues() -> LetterQueues:
        """Return the dead-letter queues, and how many letters lie in each."""
        with _answered():
            counts = await letters.counts()
        return LetterQueues(items=[LetterQueue(queue=queue, count=count) for queue, count in counts.items()])

    @router.get("/{queue}")
    async def list_dead_letters(
        queue: queue_name,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        offset: Annotated[int, Query(ge=0, le=9_900)] = 0,
    ) -> LetterPage:
        """Return some letters of a queue, the oldest first."""
        with _answered():
            count, found = await letters.page(queue, offset=offset, limit=limit)
        return LetterPage(queue=queue, count=count, items=[letter(one) for one in found])

    @router.get("/{queue}/{letter_id:letter}")
    async def get_dead_letter(queue: queue_name, letter_id: LetterId) -> WholeLetter:
        """Return a letter with its headers and body."""
        with _answered():
            found = await letters.find(queue, letter_id)
        if found is None:
            raise _no_letter(letter_id)
        return whole_letter(found)


def _handling(router: APIRouter, letters: DeadLetters, known: Any) -> None:  # noqa: ANN401 - as FastAPI has it
    queue_name = Annotated[str, known]

    async def handle(
        act: Callable[[str, str | None], Awaitable[tuple[int, int]]], queue: str, letter_id: str | None
    ) -> Handled:
        with _answered():
            handled, left = await act(queue, letter_id)
        if letter_id is not None and not handled:
            raise _no_letter(letter_id)
        return Handled(handled=handled, left=left)

    @router.post("/{queue}/replay")
    async def replay_dead_letters(queue: queue_name) -> Handled:
        """Send every letter back to the queue it comes from, with its ids and in its trace."""
        return await handle(letters.replay, queue, None)

    @router.post("/{queue}/{letter_id:letter}/replay")
    async def replay_dead_letter(queue: queue_name, letter_id: LetterId) -> Handled:
        """Send one letter back to the queue it comes from."""
        return await handle(letters.replay, queue, letter_id)

    @router.delete("/{queue}")
    async def discard_dead_letters(queue: queue_name) -> Handled:
        """Drop every letter of a queue for good."""
        return await handle(letters.discard, queue, None)

    @router.delete("/{queue}/{letter_id:letter}")
    async def discard_dead_letter(queue: queue_name, letter_id: LetterId) -> Handled:
        """Drop one letter for good."""
        return await handle(letters.discard, queue, letter_id)


def _no_letter(letter_id: str) -> ProblemError:
    return ProblemError(404, "not-found", f"there is no letter {letter_id} among the oldest 10,000")


@contextmanager
def _answered() -> Iterator[None]:
    """Turn what may go wrong at the broker into problems."""
    try:
        yield
    except OperatorBusyError as error:
        raise ProblemError(409, "operator-busy", str(error), headers=RETRY_SOON) from None
    except UnknownQueueError as error:
        raise ProblemError(404, "not-found", str(error)) from None
    except BROKER_ERRORS as error:
        log.error("broker unavailable", error=describe(error))  # noqa: TRY400 - no bug of ours
        raise ProblemError(
            503, "broker-unavailable", "the broker does not answer", headers=RETRY_SOON
        ) from None
