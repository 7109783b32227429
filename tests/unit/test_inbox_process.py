"""The inbox as a process."""

import signal
import smtplib

import orjson
import pytest

from stack.backends.inbox.cli import parse_settings
from stack.backends.inbox.mailbox import Limits
from tests.unit.backend_process import backend, fetch
from tests.unit.inbox_samples import order_mail


async def test_a_mail_sent_by_smtp_is_listed_over_http() -> None:
    """In by one port, out by the other; SIGTERM ends it with 0, although a client stays connected."""
    async with backend("stack.backends.inbox", "--smtp-port", "0", "--http-port", "0") as running:
        smtp, http = running.addresses
        assert smtp.startswith("smtp://")
        with smtplib.SMTP("127.0.0.1", int(smtp.rpartition(":")[2]), timeout=20) as client:
            client.send_message(order_mail(1))
            listed = orjson.loads(await fetch(f"{http}/api/v1/messages"))
            assert [entry["Subject"] for entry in listed["messages"]] == ["Your order 1 is on its way"]
            assert await running.stop(signal.SIGTERM) == 0


def test_the_defaults_are_mailpits() -> None:
    """Its ports, on this machine alone."""
    settings = parse_settings([])
    assert (settings.host, settings.smtp_port, settings.http_port) == ("127.0.0.1", 1025, 8025)


def test_limits_are_settings() -> None:
    """Each bound has its flag."""
    settings = parse_settings(["--max-messages", "1", "--max-bytes", "2", "--max-message-bytes", "3"])
    assert settings.limits == Limits(1, 2)
    assert settings.smtp_limits.max_message_bytes == 3
    with pytest.raises(SystemExit, match="2"):
        parse_settings(["--max-messages", "-1"])
