"""Every path through the system that a client, an operator or a stranger can take, each once and at once."""

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass
from typing import ClassVar
from uuid import uuid4

import aio_pika
from redis.asyncio import Redis

from services.common.ids import uuid7
from services.common.scenarios import WATCH_SECONDS
from tests.e2e.seen import SERVICES
from tests.e2e.senders import (
    DEAD_LETTERS,
    GOOD_HEADERS,
    OPERATOR,
    OUTCOMES,
    WORK,
    Senders,
    created,
    order_of,
)
from tests.running import address, frozen
from tests.servers import eventually

REFUSED = (
    ("GET", f"/v1/orders/{uuid7()}"),
    ("GET", "/v1/orders/no-id"),
    ("GET", f"/{uuid4()}"),
    ("PUT", "/v1/orders"),
    ("PURGE", "/v1/orders"),
    ("GET", DEAD_LETTERS),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
)


@dataclass(frozen=True, slots=True)
class Paths(Senders):
    """Takes them."""

    mark: ClassVar[str] = "paths-"

    async def take(self) -> None:
        """Take all of them; what they set off may go on for a second or two."""
        await asyncio.gather(
            self.orders(),
            self.refused(),
            self.replayed(),
            self.dead_letters(),
            self.swept(),
            self.strange(),
            self.claimed(),
            self.scenarios(),
        )
        await self.limited()
        await self.outage()

    def redis(self) -> Redis:
        """Return a client of the services' Redis."""
        return Redis.from_url(self.seen.endpoints["redis"])

    async def orders(self) -> None:
        """Orders that are paid, declined, out of stock, paid at the second attempt; read, followed."""
        paid = await self.place()
        await self.api.get(f"/v1/orders/{paid}/events")
        await self.api.get(f"/v1/orders/{paid}/events", headers={"Last-Event-ID": "3"})
        for path in ("", f"/{paid}", f"/{paid}", f"/{paid}/status"):
            await self.api.get(f"/v1/orders{path}", headers={"user-agent": ""})
        await self.seen.status(await self.place("tok_declined"), "failed")
        await self.seen.status(await self.place("tok_visa", "lever-machine", 99), "failed")
        await self.seen.emails(await self.place("tok_flaky"))

    async def refused(self) -> None:
        """Requests that are refused, and those of documents."""
        for body in (b"{", b"{}", b'"' + b"x" * 70_000):
            await self.api.post("/v1/orders", content=body, headers={"content-type": "application/json"})
        await self.api.post("/v1/orders", content=b"a=b")
        for method, path in REFUSED:
            await self.api.request(method, path)
        for service in SERVICES:
            await self.raw(address(self.layout, service), b"garbage\r\n\r\n")

    async def replayed(self) -> None:
        """An order under a key, again, and another one under the same key."""
        key = {"Idempotency-Key": str(uuid4())}
        assert await self.place(headers=key) == await self.place(headers=key)
        other = await self.api.post("/v1/orders", json=order_of("tok_visa", "grinder"), headers=key)
        assert other.status_code == 422

    async def dead_letters(self) -> None:
        """Dead letters: looked at, replayed, discarded one by one and all at once."""
        correlation_id = await self.send(WORK, b"no JSON")
        first = (await self.listed(correlation_id))["id"]
        await self.api.get("/v1/dead-letters", headers=OPERATOR)
        await self.api.get(f"{DEAD_LETTERS}/{first}", headers=OPERATOR)
        await self.api.post(f"{DEAD_LETTERS}/{first}/replay", headers=OPERATOR)
        again = (await self.listed(correlation_id, replays=1))["id"]
        await self.api.delete(f"{DEAD_LETTERS}/{again}", headers=OPERATOR)
        outcome = {**created(uuid7()), "type": "order.done.v1"}
        too_long = "\u8a9e" * 200  # in bytes, which no server takes
        outcome["data"]["customer"] = {"name": "Ada", "email": f"{too_long}@example.com"}
        await self.send(OUTCOMES, outcome)
        path = f"/v1/dead-letters/{OUTCOMES}.dlq"

        async def dead_lettered() -> bool:
            return bool((await self.api.get(path, headers=OPERATOR)).json().get("count"))

        await eventually(dead_lettered)
        await self.api.post(f"{path}/replay", headers=OPERATOR)
        await eventually(dead_lettered)
        await self.api.delete(path, headers=OPERATOR)

    async def scenarios(self) -> None:
        """Faults that an operator looks at, switches on and off; one that there is not."""
        await self.api.get("/v1/scenarios", headers=OPERATOR)
        await self.api.put("/v1/scenarios/nonsense", headers=OPERATOR)
        read = await self.place()
        for method in ("PUT", "DELETE"):
            await self.api.request(method, "/v1/scenarios/cache-stampede", headers=OPERATOR)
            await asyncio.sleep(2 * WATCH_SECONDS)  # every service sees it
            await self.api.get(f"/v1/orders/{read}")  # which meets it, or not any more
        await self.api.delete("/v1/scenarios", headers=OPERATOR)
        await asyncio.gather(*(self.met(name) for name in ("smtp-down", "payment-errors")))

    async def met(self, scenario: str) -> None:
        """An order that asks for a fault, until it has met it: an outage after this must not hide it."""
        identifier = f"{self.mark}{uuid4()}"
        await self.place(headers={"baggage": f"scenario={scenario}", "X-Correlation-ID": identifier})
        await self.seen.log_lines(identifier, "message will be retried")

    async def swept(self) -> None:
        """Orders that nobody settles: republished; failed by a message that nobody can use; gone."""
        stuck = await self.place("tok_outage")
        await self.seen.status(stuck, "processing")
        async with self.redis() as redis:
            await redis.zadd("orders:open", {stuck: 1, uuid7(): 1})
            await eventually(lambda: redis.hget(f"order:{stuck}:status", "sweeps"))
        await self.send(WORK, {**created(stuck), "occurred_at": "yesterday"})
        await self.seen.status(stuck, "failed")

    async def strange(self) -> None:
        """Messages of others: of an order that is settled, of an unknown one, under a strange key."""
        paid = await self.place()
        await self.seen.status(paid, "done")
        for order_id in (paid, uuid7()):
            await self.send(WORK, created(order_id))
        event = aio_pika.Message(
            json.dumps(created(paid)).encode(),
            headers={**GOOD_HEADERS, "CC": ["order.created.v1"]},
            correlation_id=f"{self.mark}{uuid4()}",
            message_id=str(uuid4()),
        )
        await (await self.channel.get_exchange("orders")).publish(event, f"evil.{uuid4()}", mandatory=False)

    async def claimed(self) -> None:
        """An outcome whose email somebody else is about to send, for a moment."""
        order_id = uuid7()
        async with self.redis() as redis:
            await redis.set(f"notification:{order_id}", "somebody", px=500)
        await self.send(OUTCOMES, {**created(order_id), "type": "order.done.v1"})
        await self.seen.emails(order_id)

    async def limited(self) -> None:
        """A client that has asked too often: its bucket is empty for a while."""
        bucket = f"rate:{hashlib.sha256(b'address:127.0.0.1').hexdigest()[:32]}"
        async with self.redis() as redis:
            await redis.set(bucket, time.time() + 60)
            assert (await self.api.get("/v1/orders")).status_code == 429
            await redis.delete(bucket)

    async def outage(self) -> None:
        """Redis does not answer for a moment."""
        with frozen(self.layout, "redis"):
            assert (await self.api.get(f"/v1/orders/{uuid7()}")).status_code == 503
