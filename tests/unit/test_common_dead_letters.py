"""Dead letters on a broker in memory; the rest is shown on a real one (tests/integration)."""

import pytest

from services.common.messaging import dead_letters as module
from services.common.messaging.connection import BROKER_ERRORS
from services.common.messaging.dead_letters import DeadLetters
from tests.unit.fake_broker import FakeBroker

QUEUE = "worker.order-created.dlq"


async def replayed(broker: FakeBroker, outgoing: FakeBroker) -> tuple[int, int]:
    """Replay all of two dead letters."""
    broker.put(b"1", b"2")
    connections = broker.as_connection(), outgoing.as_connection()
    operator = DeadLetters(*connections, [QUEUE], lambda publish: publish, lambda _: None)
    return await operator.replay(QUEUE)


async def test_what_was_replayed_is_however_long_cleaning_up_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator must not be told that it failed, and replay it once more."""
    monkeypatch.setattr(module, "DEADLINE_SECONDS", 0.05)
    broker, outgoing = FakeBroker(close_seconds=0.1), FakeBroker(close_seconds=0.1)
    assert await replayed(broker, outgoing) == (2, 0)
    assert [copy.body for copy in outgoing.published] == broker.acknowledged == [b"1", b"2"]


async def test_a_blocked_connection_replays_nothing_and_holds_nothing() -> None:
    """What takes dead letters has a connection of its own, on which nothing is published."""
    broker = FakeBroker()
    with pytest.raises(BROKER_ERRORS):
        await replayed(broker, FakeBroker(open_error=ConnectionError("blocked")))
    assert len(broker.waiting) == 2
    assert (broker.published, broker.acknowledged) == ([], [])
