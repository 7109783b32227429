"""The operators' routes under `/v1/dead-letters`: look at dead letters, replay them, discard them."""

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path, Query

from services.api import dead_letter_schemas as schemas
from services.api.dead_letter_schemas import DeadLetterDetail, DeadLetterId, DeadLetterPage, Handled
from services.api.dependencies import Dependency
from services.api.errors import RETRY_SOON
from services.api.problems import ProblemError, documented
from services.common.errors import describe
from services.common.messaging.connection import BROKER_ERRORS
from services.common.messaging.dead_letters import DeadLetters, OperatorBusyError, UnknownQueueError

log = structlog.get_logger(__name__)

QueueName = Annotated[str, Path(examples=["worker.order-created.dlq"])]


def dead_letters_router(dead_letters: DeadLetters, before: Sequence[Dependency]) -> APIRouter:
    """Return the routes, each behind what has to let a request pass: the rate limit, the operator token."""
    router = APIRouter(
        prefix="/v1/dead-letters",
        tags=["dead letters"],
        dependencies=[Depends(dependency) for dependency in before],
        responses=documented(401, 404, 409, 422, 429, 500, 503),
    )
    _reading(router, dead_letters)
    _handling(router, dead_letters)
    return router


def _reading(router: APIRouter, dead_letters: DeadLetters) -> None:
    @router.get("")
    async def list_dead_letter_queues() -> schemas.DeadLetterQueues:
        """Return the dead-letter queues, and how many dead letters lie in each."""
        with _broker_problems():
            counts = await dead_letters.counts()
        items = [schemas.DeadLetterQueue(queue=queue, count=count) for queue, count in counts.items()]
        return schemas.DeadLetterQueues(items=items)

    @router.get("/{queue}")
    async def list_dead_letters(
        queue: QueueName,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        offset: Annotated[int, Query(ge=0, le=9_900)] = 0,
    ) -> DeadLetterPage:
        """Return some dead letters of a queue, the oldest first."""
        with _broker_problems():
            count, found = await dead_letters.page(queue, offset=offset, limit=limit)
        return DeadLetterPage(queue=queue, count=count, items=[schemas.summary(one) for one in found])

    @router.get("/{queue}/{dead_letter_id:dead_letter}")
    async def get_dead_letter(dead_letter_id: DeadLetterId, queue: QueueName) -> DeadLetterDetail:
        """Return a dead letter with its headers and body."""
        with _broker_problems():
            found = await dead_letters.find(queue, dead_letter_id)
        if found is None:
            raise _not_found(dead_letter_id)
        return schemas.detail(found)


def _handling(router: APIRouter, dead_letters: DeadLetters) -> None:
    async def handle(handling: Awaitable[tuple[int, int]], dead_letter_id: str | None = None) -> Handled:
        with _broker_problems():
            handled, left = await handling
        if dead_letter_id and not handled:
            raise _not_found(dead_letter_id)
        return Handled(handled=handled, left=left)

    @router.post("/{queue}/replay")
    async def replay_dead_letters(queue: QueueName) -> Handled:
        """Send every dead letter back to the queue it comes from, with its ids and in its trace."""
        return await handle(dead_letters.replay(queue))

    @router.post("/{queue}/{dead_letter_id:dead_letter}/replay")
    async def replay_dead_letter(dead_letter_id: DeadLetterId, queue: QueueName) -> Handled:
        """Send one dead letter back to the queue it comes from."""
        return await handle(dead_letters.replay(queue, dead_letter_id), dead_letter_id)

    @router.delete("/{queue}")
    async def discard_dead_letters(queue: QueueName) -> Handled:
        """Drop every dead letter of a queue for good."""
        return await handle(dead_letters.discard(queue))

    @router.delete("/{queue}/{dead_letter_id:dead_letter}")
    async def discard_dead_letter(dead_letter_id: DeadLetterId, queue: QueueName) -> Handled:
        """Drop one dead letter for good."""
        return await handle(dead_letters.discard(queue, dead_letter_id), dead_letter_id)


def _not_found(dead_letter_id: str) -> ProblemError:
    return ProblemError(404, "not-found", f"there is no dead letter {dead_letter_id} among the oldest 10,000")


@contextmanager
def _broker_problems() -> Iterator[None]:
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
