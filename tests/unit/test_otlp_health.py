"""What the exporter's log says, and what it leaves out."""

import pytest

from observability.otlp.health import HealthLog

LOST = {"http_503": 5}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> HealthLog:
    """A log whose lines of all levels are caught."""
    caplog.set_level("DEBUG", "observability.otlp")
    return HealthLog("http://collector:4318/v1/traces", "spans")


def test_nothing_is_said_while_all_is_well(log: HealthLog, caplog: pytest.LogCaptureFixture) -> None:
    """Success is no news."""
    for _ in range(3):
        log.note({}, "")
    log.close()
    assert caplog.messages == []


def test_warnings_are_told_once_until_they_cease(log: HealthLog, caplog: pytest.LogCaptureFixture) -> None:
    """A server that accepts everything may still have something to say, and says it with every batch."""
    for detail in ("slow down", "slow down", "still", "", "slow down"):
        log.note({}, detail)
    assert len(caplog.messages) == 2
    assert all("warns: 'slow down'" in message for message in caplog.messages)


def test_end_of_a_failing_exporter_is_told_with_sums(
    log: HealthLog, caplog: pytest.LogCaptureFixture
) -> None:
    """What was lost does not stay untold because the program ends."""
    log.note(LOST, "")
    log.note(LOST, "")
    log.close()
    log.close()
    assert len(caplog.messages) == 2
    assert "ended while failing; lost: http_503 10" in caplog.messages[1]


def test_details_are_short_and_stay_on_one_line(log: HealthLog, caplog: pytest.LogCaptureFixture) -> None:
    """A server cannot fill the log or forge lines of it."""
    log.note(LOST, "a\nb\x1b[31m" + "x" * 10_000)
    (message,) = caplog.messages
    assert message.isprintable()
    assert len(message) < 500
