"""Writes of one turn of the event loop, sent together."""

import asyncio
from typing import cast

import pytest

from services.common.http.joined import MOST_BYTES, Joined

TURN = 0.0


class Wire:
    """Stands for a transport: notes what is sent, a piece for each call, and whether it was closed."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        """Send."""
        assert not self.closed
        self.sent.append(data)

    def close(self) -> None:
        """Close."""
        self.closed = True

    def is_closing(self) -> bool:
        """Say whether it was closed."""
        return self.closed


@pytest.fixture(name="wire")
def wire_fixture() -> Wire:
    """Return where everything arrives."""
    return Wire()


def joined(wire: Wire) -> Joined:
    """Return what stands before the wire."""
    return Joined(cast("asyncio.Transport", wire), asyncio.get_running_loop())


async def test_what_is_written_in_one_turn_goes_together(wire: Wire) -> None:
    """Head and body are one packet; the next turn's are another."""
    transport = joined(wire)
    transport.write(b"head")
    transport.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(TURN)
    transport.write(b"next")
    await asyncio.sleep(TURN)
    assert wire.sent == [b"headbody", b"next"]


async def test_nothing_waits_for_more(wire: Wire) -> None:
    """The head of an event stream goes out although no event has happened."""
    joined(wire).write(b"head")
    await asyncio.sleep(TURN)
    assert wire.sent == [b"head"]


async def test_little_is_held_back(wire: Wire) -> None:
    """Whoever writes much in one turn is told by the transport to wait, which it can only if it knows."""
    transport = joined(wire)
    for _ in range(3):
        transport.write(b"x" * (MOST_BYTES // 2))
    assert sum(map(len, wire.sent)) > MOST_BYTES
    transport.write(b"rest")
    await asyncio.sleep(TURN)
    assert b"".join(wire.sent).endswith(b"xrest")


async def test_a_connection_is_closed_after_what_was_written(wire: Wire) -> None:
    """A refusal is written and the connection closed in the same turn."""
    transport = joined(wire)
    transport.write(b"refused")
    transport.close()
    assert (wire.sent, wire.closed, transport.is_closing()) == ([b"refused"], True, True)
    await asyncio.sleep(TURN)
