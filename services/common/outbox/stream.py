"""The outbox: events that a Redis script writes in the same step as the change of state that they report.

An entry is a Redis stream entry. It leaves the stream only when the broker has confirmed it, and it is never
trimmed: a bound is kept by refusing new work (`full`), not by dropping old.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from services.common.messaging.messages import ATTEMPT, FIRST_PUBLISHED_AT, Outgoing, now_ms
from services.common.messaging.topology import EXCHANGE
from services.common.periodic import periodically

log = structlog.get_logger(__name__)

GROUP = "relay"
WATCH_SECONDS = 1.0
FORGET_AFTER_MS = 3_600_000
CLAIM_AFTER_MS = 10_000
"""Entries that a relay holds for longer go to another; longer than a publish takes, unless the broker hangs:
then an event may be published twice, which all who read it expect."""

ENVELOPE = frozenset({"type", "message_id", "correlation_id", "body"})
"""The fields of an entry that are not headers of the message."""

REQUIRED = frozenset({"type", "message_id", "body"})
"""Those of them that every entry has."""

Context = Callable[[], Mapping[str, str]]
"""Returns the `correlation_id` and the trace context headers of the current context."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the outbox."""

    entries: int
    oldest_age_seconds: float


class Outbox:
    """One service's outbox stream, as its scripts write it and its relay reads it."""

    def __init__(self, redis: Redis, service: str, *, context: Context) -> None:
        """Name the stream after the service; `context` gives each entry its correlation and trace context."""
        self.stream = f"outbox:{service}"
        self._redis = redis
        self._context = context

    def fields(self, event_type: str, message_id: str, body: str | bytes) -> list[str | bytes]:
        """Return the entry for an event as the alternating names and values that `XADD` takes."""
        fields: list[str | bytes] = ["type", event_type, "message_id", message_id, "body", body]
        for name, value in self._context().items():
            fields += (name, value)
        return fields

    async def prepare(self) -> None:
        """Create the stream's consumer group unless it is there; forget relays that died long ago."""
        try:
            await self._redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        relays: Any = await self._redis.xinfo_consumers(self.stream, GROUP)
        for relay in relays:
            if relay["pending"] == 0 and relay["idle"] > FORGET_AFTER_MS:
                await self._redis.xgroup_delconsumer(self.stream, GROUP, relay["name"])

    async def read_new(self, relay: str, *, count: int, block_ms: int) -> list[Outgoing]:
        """Wait up to `block_ms` ms for entries that no relay has read yet, and assign them to this one."""
        reply: Any = await self._redis.xreadgroup(
            GROUP, relay, {self.stream: ">"}, count=count, block=block_ms
        )
        return _messages(_entries(reply))

    async def read_pending(self, relay: str, *, count: int) -> list[Outgoing]:
        """Return what this relay has read and not removed yet."""
        reply: Any = await self._redis.xreadgroup(GROUP, relay, {self.stream: "0"}, count=count)
        return _messages(_entries(reply))

    async def claim_stale(self, relay: str, start: str, *, count: int) -> tuple[str, list[Outgoing]]:
        """Claim entries that any relay has held for over 10 s, beginning at an entry id (`0-0`: the first).

        Returns:
            The id to go on with, `0-0` when all were seen, and the entries.
        """
        reply: Any = await self._redis.xautoclaim(
            self.stream, GROUP, relay, min_idle_time=CLAIM_AFTER_MS, start_id=start, count=count
        )
        return reply[0], _messages(reply[1])

    async def remove(self, entries: Sequence[str]) -> None:
        """Forget entries that the broker has confirmed."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(self.stream, GROUP, *entries)
            pipeline.xdel(self.stream, *entries)
            await pipeline.execute()

    async def backlog(self) -> Backlog:
        """Return how many entries wait and how old the oldest is."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xlen(self.stream)
            pipeline.xrange(self.stream, count=1)
            entries, oldest = await pipeline.execute()
        age = now_ms() - int(oldest[0][0].split("-")[0]) if oldest else 0
        return Backlog(entries=entries, oldest_age_seconds=max(0, age) / 1000)

    async def forget_relay(self, relay: str) -> None:
        """Remove a relay that leaves; what it had not finished is taken by another."""
        pending: Any = await self._redis.xpending_range(self.stream, GROUP, "-", "+", 1, consumername=relay)
        if not pending:
            await self._redis.xgroup_delconsumer(self.stream, GROUP, relay)


async def watch_outbox(outbox: Outbox, report: Callable[[int, float], None]) -> None:
    """Report the outbox's entries and the age of the oldest, in seconds, every second until cancelled."""

    async def look() -> None:
        backlog = await outbox.backlog()
        report(backlog.entries, backlog.oldest_age_seconds)

    await periodically(look, WATCH_SECONDS, name="outbox watch", errors=(RedisError,))


def _entries(reply: Any) -> list[tuple[str, dict[str, str]]]:  # noqa: ANN401 - RESP2 lists or a RESP3 map
    streams = reply.values() if isinstance(reply, dict) else [pair[1] for pair in reply or []]
    return [entry for stream in streams for entry in (stream[0] if isinstance(reply, dict) else stream)]


def _messages(entries: Sequence[tuple[str, dict[str, str] | None]]) -> list[Outgoing]:
    found = []
    for entry, fields in entries:
        if not fields:  # somebody else has removed it
            continue
        missing = REQUIRED - fields.keys()
        if missing:  # not ours; it stays, is seen in the outbox's age, and holds up no other
            identifier = fields.get("correlation_id", "")
            log.error(
                "outbox entry unusable", entry=entry, missing=sorted(missing), correlation_id=identifier
            )
            continue
        found.append(_message(entry, fields))
    return found


def _message(entry: str, fields: Mapping[str, str]) -> Outgoing:
    headers: dict[str, str | int] = {name: fields[name] for name in fields.keys() - ENVELOPE}
    return Outgoing(
        entry=entry,
        exchange=EXCHANGE,
        routing_key=fields["type"],
        message_id=fields["message_id"],
        correlation_id=fields.get("correlation_id", fields["message_id"]),
        body=fields["body"].encode(),
        headers={**headers, ATTEMPT: 1, FIRST_PUBLISHED_AT: now_ms()},
    )
