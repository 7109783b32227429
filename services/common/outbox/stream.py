"""The outbox: events that a Redis script writes in the same step as the change of state that they report.

An entry is a Redis stream entry. It leaves the stream only when the broker has confirmed it, and it is never
trimmed: a bound is kept by refusing new work (`full`), not by dropping old.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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

REQUIRED = frozenset({"type", "message_id", "body"})
"""The fields that every entry has; all others, but for `correlation_id`, are headers of the message."""

Context = Callable[[], Mapping[str, str]]
"""Returns the `correlation_id` and the trace context headers of the current context."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """One service's outbox stream, as its scripts write it and its relay reads it."""

    redis: Redis
    service: str
    context: Context

    @property
    def stream(self) -> str:
        """The stream's key."""
        return f"outbox:{self.service}"

    def fields(
        self, event_type: str, message_id: str, body: str | bytes, first_published_at: str = ""
    ) -> list[str | bytes]:
        """Return the entry for an event as the alternating names and values that `XADD` takes.

        An event that is published again has the time (Unix, ms) of the first.
        """
        context = [text for field in self.context().items() for text in field]
        first = [FIRST_PUBLISHED_AT, first_published_at or str(now_ms())]
        return ["type", event_type, "message_id", message_id, "body", body, *first, *context]

    async def prepare(self) -> None:
        """Create the stream's consumer group unless it is there; forget relays that died long ago."""
        try:
            await self.redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        relays: Any = await self.redis.xinfo_consumers(self.stream, GROUP)
        for relay in relays:
            if relay["idle"] > FORGET_AFTER_MS:
                await self.redis.xgroup_delconsumer(self.stream, GROUP, relay["name"])

    async def read_new(self, relay: str, count: int, *, block_ms: int) -> list[Outgoing]:
        """Wait up to `block_ms` ms for entries that no relay has read yet, and assign them to this one."""
        return await self._read(relay, ">", count, block_ms)

    async def read_pending(self, relay: str, count: int) -> list[Outgoing]:
        """Return what this relay has read and not removed yet."""
        return await self._read(relay, "0", count)

    async def _read(self, relay: str, after: str, count: int, block_ms: int | None = None) -> list[Outgoing]:
        reply: Any = await self.redis.xreadgroup(
            GROUP, relay, {self.stream: after}, count=count, block=block_ms
        )
        return _messages(reply.get(self.stream, []))

    async def claim_stale(self, relay: str, count: int) -> AsyncIterator[list[Outgoing]]:
        """Claim what was read over 10 s ago and is not removed, and yield it in batches, the oldest first.

        `FORCE` claims an entry also if it is pending for nobody: Redis forgets that of a deleted consumer.
        """
        groups: Any = await self.redis.xinfo_groups(self.stream)
        last = next((group["last-delivered-id"] for group in groups if group["name"] == GROUP), "0-0")
        start = "-"
        while True:
            entries: Any = await self.redis.xrange(self.stream, start, last, count)
            if not entries:
                return
            ids = [entry for entry, _ in entries]
            claim: Any = self.redis.xclaim(self.stream, GROUP, relay, CLAIM_AFTER_MS, ids, force=True)
            yield _messages(await claim)
            start = f"({ids[-1]}"

    async def remove(self, entries: Sequence[str]) -> None:
        """Forget entries that the broker has confirmed."""
        async with self.redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(self.stream, GROUP, *entries)
            pipeline.xdel(self.stream, *entries)
            await pipeline.execute()

    async def backlog(self) -> tuple[int, float]:
        """Return how many entries wait, and the age of the oldest in seconds."""
        async with self.redis.pipeline(transaction=False) as pipeline:
            pipeline.xlen(self.stream)
            pipeline.xrange(self.stream, count=1)
            entries, oldest = await pipeline.execute()
        age = now_ms() - int(oldest[0][0].split("-")[0]) if oldest else 0
        return entries, max(0, age) / 1000

    async def forget_relay(self, relay: str) -> None:
        """Remove a relay that leaves; what it had not finished is pending for nobody then, until claimed."""
        await self.redis.xgroup_delconsumer(self.stream, GROUP, relay)


async def watch_outbox(outbox: Outbox, report: Callable[[int, float], None]) -> None:
    """Report the outbox's entries and the age of the oldest, in seconds, every second until cancelled."""

    async def report_backlog() -> None:
        report(*await outbox.backlog())

    await periodically(report_backlog, WATCH_SECONDS, name="outbox watch", errors=(RedisError,))


def _messages(entries: Sequence[tuple[str, Mapping[str, str] | None]]) -> list[Outgoing]:
    """Return the messages of entries; one that has no fields was removed by another relay."""
    return [_message(entry, fields) for entry, fields in entries if fields and _usable(entry, fields)]


def _usable(entry: str, fields: Mapping[str, str]) -> bool:
    """Return whether an entry is an event; one that is not stays in the outbox, and is seen in its age."""
    missing = sorted(REQUIRED - fields.keys())
    if missing:
        identifier = fields.get("correlation_id", "")
        log.error("outbox entry unusable", entry=entry, missing=missing, correlation_id=identifier)
    return not missing


def _message(entry: str, fields: Mapping[str, str]) -> Outgoing:
    headers: dict[str, str | int] = {
        name: value for name, value in fields.items() if name not in {*REQUIRED, "correlation_id"}
    }
    first = fields.get(FIRST_PUBLISHED_AT, "")
    headers[FIRST_PUBLISHED_AT] = int(first if first.isdecimal() else entry.partition("-")[0])
    return Outgoing(
        entry=entry,
        exchange=EXCHANGE,
        routing_key=fields["type"],
        message_id=fields["message_id"],
        correlation_id=fields.get("correlation_id", fields["message_id"]),
        body=fields["body"].encode(),
        headers={**headers, ATTEMPT: 1},
    )
