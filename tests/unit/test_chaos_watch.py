"""When a chaos run counts as quiet: nothing waits, nothing changes, and every server answers."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import aio_pika
import httpx2
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from resilience.chaos import amqp, watch
from resilience.chaos.management import depth

QUIET = {"open orders": 0, "messages in outboxes": 0, "messages in queues": 0, "emails": 5}


async def until_quiet(*seen: Mapping[str, int] | Exception) -> tuple[bool, list[str]]:
    """Return whether it became quiet within a tenth of a second, and what was said.

    The watch reports what it is given, one after the other, and the last one for ever.
    """
    said, reports = list[str](), list(seen)

    async def waiting() -> Mapping[str, int]:
        found = reports.pop(0) if len(reports) > 1 else reports[0]
        if isinstance(found, Exception):
            raise found
        return found

    fake: Any = SimpleNamespace(waiting=waiting)
    return await watch.until_quiet(fake, 0.1, said.append), said


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.005)
    monkeypatch.setattr(watch, "STABLE_SECONDS", 0.02)


async def test_it_is_quiet_once_nothing_waits_and_nothing_changes() -> None:
    """What waits is said when it changes; a server that does not answer is waited for."""
    quiet, said = await until_quiet({**QUIET, "open orders": 2}, RedisConnectionError("away"), QUIET)
    assert quiet
    assert [text.partition(",")[0] for text in said if "open" in text] == ["2 open orders", "0 open orders"]


@pytest.mark.parametrize(
    "seen",
    [
        *([{**QUIET, name: 1}] for name in QUIET if name != "emails"),
        [{**QUIET, "emails": count} for count in range(1000)],
    ],
)
async def test_it_is_not_quiet_while_something_waits_or_emails_arrive(seen: list[Mapping[str, int]]) -> None:
    """Though nothing changes any more, or nothing waits in a queue any more."""
    quiet, _ = await until_quiet(*seen)
    assert not quiet


async def test_depth_is_of_work_and_retry_queues() -> None:
    """Dead letters and the harness's own queue do not count; a queue of unknown depth is not empty."""
    queues = {"worker.order-created": 3, "worker.order-created.retry.1s": 2, "worker.order-created.dlq": 9}
    found = [{"name": name, "messages": count} for name, count in {**queues, "chaos.copies": 50}.items()]
    found.append({"name": "notifier.order-outcome"})
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=found)))
    assert await depth(client, "http://broker") == 6


async def test_a_broker_that_does_not_answer_is_not_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next address is taken; when none answers in time, the last error is in the message."""

    async def refuse(address: str, **_: object) -> None:
        raise ConnectionRefusedError(address)

    monkeypatch.setattr(aio_pika, "connect", refuse)
    monkeypatch.setattr(amqp, "BROKER_TIMEOUT_SECONDS", 0.01)
    with pytest.raises(TimeoutError, match="second"):
        await amqp.Brokers(["first", "second"]).run(amqp.dead_letters)
