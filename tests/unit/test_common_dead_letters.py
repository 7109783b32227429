"""Dead letters on a broker in memory; all else is shown on a real one (tests/integration)."""

import pytest

from services.common.messaging import dead_letters as module
from services.common.messaging.dead_letters import DeadLetters
from tests.unit.fake_broker import FakeBroker

QUEUE = "worker.order-created.dlq"


async def test_what_was_replayed_is_however_long_cleaning_up_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator must not be told that it failed, and replay it once more."""
    monkeypatch.setattr(module, "DEADLINE_SECONDS", 0.3)
    broker, outgoing = FakeBroker(close_seconds=0.4), FakeBroker(close_seconds=0.4)
    connections = broker.as_connection(), outgoing.as_connection()
    broker.put(b"1", b"2")
    operator = DeadLetters(*connections, [QUEUE], lambda publish: publish, lambda _: None)
    assert await operator.replay(QUEUE) == (2, 0)
    assert [copy.body for copy in outgoing.published] == broker.acknowledged == [b"1", b"2"]
