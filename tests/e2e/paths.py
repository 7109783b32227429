"""Every path through the system that a client, an operator or a stranger can take, each once and at once."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aio_pika
import httpx2
from redis.asyncio import Redis

from services.common.ids import uuid7
from services.common.scenarios import WATCH_SECONDS
from stack import state
from stack.layout import Layout
from tests.e2e.seen import SERVICES, Seen
from tests.e2e.senders import LETTERS, MARK, OPERATOR, TELL, WORK, Senders
from tests.e2e.test_bad_messages import GOOD_HEADERS, created
from tests.e2e.test_outages import frozen
from tests.running import Endpoints
from tests.servers import eventually

JSON = {"content-type": "application/json"}


class Paths(Senders):
    """Takes them."""

    async def take(self) -> None:
        """Take all of them; what they set off may go on for a second or two."""
        await asyncio.gather(
            self.orders(),
            self.refused(),
            self.replayed(),
            self.letters(),
            self.swept(),
            self.strange(),
            self.held_up(),
            self.scenarios(),
        )
        await self.limited()
        await self.outage()

    async def orders(self) -> None:
        """Orders that are paid, declined, out of stock, paid at the second attempt; read, followed."""
        paid = await self.place("tok_visa")
        await self.api.get(f"/v1/orders/{paid}/events")
        await self.api.get(f"/v1/orders/{paid}/events", headers={"Last-Event-ID": "3"})
        for path in ("", f"/{paid}", f"/{paid}", f"/{paid}/status"):
            await self.api.get(f"/v1/orders{path}", headers={"user-agent": ""})
        await self.seen.status(await self.place("tok_declined"), "failed")
        await self.seen.status(await self.place("tok_visa", "lever-machine", 99), "failed")
        await self.seen.emails(await self.place("tok_flaky"))

    async def refused(self) -> None:
        """Requests that lead nowhere."""
        for body in (b"{", b"{}", b'"' + b"x" * 70_000):
            await self.api.post("/v1/orders", content=body, headers=JSON)
        await self.api.post("/v1/orders", content=b"a=b")
        for method, path in (
            ("GET", f"/v1/orders/{uuid7()}"),
            ("GET", "/v1/orders/no-id"),
            ("GET", f"/{uuid4()}"),
            ("PUT", "/v1/orders"),
            ("PURGE", "/v1/orders"),
            ("GET", LETTERS),
            ("GET", "/docs"),
            ("GET", "/openapi.json"),
        ):
            await self.api.request(method, path)
        for address in self.addresses.values():
            await self.garbage(address)

    async def replayed(self) -> None:
        """An order under a key, again, and another one under the same key."""
        key = {"Idempotency-Key": str(uuid4())}
        assert await self.place("tok_visa", headers=key) == await self.place("tok_visa", headers=key)
        other = {"items": [{"sku": "grinder", "quantity": 1}], "payment": {"token": "tok_visa"}}
        customer = {"customer": {"name": "Ada", "email": "ada@example.com"}}
        assert (await self.api.post("/v1/orders", json=customer | other, headers=key)).status_code == 422

    async def letters(self) -> None:
        """Dead letters: looked at, replayed, discarded one by one and all at once."""
        correlation_id = await self.send(WORK, b"no JSON")
        first = await self.letter(correlation_id, 0)
        await self.api.get("/v1/dead-letters", headers=OPERATOR)
        await self.api.get(f"{LETTERS}/{first}", headers=OPERATOR)
        await self.api.post(f"{LETTERS}/{first}/replay", headers=OPERATOR)
        again = await self.letter(correlation_id, 1)
        await self.api.delete(f"{LETTERS}/{again}", headers=OPERATOR)
        outcome = {**created(uuid7()), "type": "order.done.v1"}
        outcome["data"]["customer"]["email"] = "ad\u00e9@example.com"  # no server takes it
        await self.send(TELL, json.dumps(outcome).encode())
        path = f"/v1/dead-letters/{TELL}.dlq"

        async def refused() -> bool:
            return bool((await self.api.get(path, headers=OPERATOR)).json().get("count"))

        await eventually(refused)
        await self.api.post(f"{path}/replay", headers=OPERATOR)
        await eventually(refused)
        await self.api.delete(path, headers=OPERATOR)

    async def scenarios(self) -> None:
        """Faults that an operator looks at, switches on and off; one that there is not."""
        await self.api.get("/v1/scenarios", headers=OPERATOR)
        await self.api.put("/v1/scenarios/nonsense", headers=OPERATOR)
        read = await self.place("tok_visa")
        for method in ("PUT", "DELETE"):
            await self.api.request(method, "/v1/scenarios/cache-stampede", headers=OPERATOR)
            await asyncio.sleep(2 * WATCH_SECONDS)  # every service sees it
            await self.api.get(f"/v1/orders/{read}")  # which meets it, or not any more
        await self.api.delete("/v1/scenarios", headers=OPERATOR)
        await asyncio.gather(*(self.met(name) for name in ("smtp-down", "payment-errors")))

    async def met(self, scenario: str) -> None:
        """An order that asks for a fault, until it has met it: an outage after this must not hide it."""
        identifier = f"{MARK}{uuid4()}"
        asking = {"baggage": f"scenario={scenario}", "X-Correlation-ID": identifier}
        await self.place("tok_visa", headers=asking)
        await self.seen.log_lines(
            identifier, lambda found: any(line["event"] == "message will be retried" for line in found)
        )

    async def swept(self) -> None:
        """Orders that nobody settles: republished; failed by a message that nobody can use; gone."""
        stuck = await self.place("tok_outage")
        await self.seen.status(stuck, "processing")
        async with Redis.from_url(self.seen.endpoints["redis"]) as redis:
            await redis.zadd("orders:open", {stuck: 1, uuid7(): 1})

            async def looked_after() -> bool:
                return bool(await redis.hget(f"order:{stuck}:status", "sweeps"))

            await eventually(looked_after)
        await self.send(WORK, json.dumps({**created(stuck), "occurred_at": "yesterday"}).encode())
        await self.seen.status(stuck, "failed")

    async def strange(self) -> None:
        """Messages of others: of an order that is settled, of an unknown one, under a strange key."""
        paid = await self.place("tok_visa")
        await self.seen.status(paid, "done")
        for order_id in (paid, uuid7()):
            await self.send(WORK, json.dumps(created(order_id)).encode())
        event = aio_pika.Message(
            json.dumps(created(paid)).encode(),
            headers={**GOOD_HEADERS, "CC": ["order.created.v1"]},
            correlation_id=f"{MARK}{uuid4()}",
            message_id=str(uuid4()),
        )
        await (await self.channel.get_exchange("orders")).publish(event, f"evil.{uuid4()}", mandatory=False)

    async def held_up(self) -> None:
        """An outcome whose email somebody else is about to send, for a moment."""
        order_id = uuid7()
        async with Redis.from_url(self.seen.endpoints["redis"]) as redis:
            await redis.set(f"notification:{order_id}", "somebody", px=500)
        await self.send(TELL, json.dumps({**created(order_id), "type": "order.done.v1"}).encode())
        await self.seen.emails(order_id)

    async def limited(self) -> None:
        """A client that has asked too often: its bucket is empty for a while."""
        bucket = f"rate:{hashlib.sha256(b'address:127.0.0.1').hexdigest()[:32]}"
        async with Redis.from_url(self.seen.endpoints["redis"]) as redis:
            await redis.set(bucket, time.time() + 60)
            assert (await self.api.get("/v1/orders")).status_code == 429
            await redis.delete(bucket)

    async def outage(self) -> None:
        """Redis does not answer for a moment."""
        with frozen(self.layout, "redis"):
            assert (await self.api.get(f"/v1/orders/{uuid7()}")).status_code == 503


@asynccontextmanager
async def paths(endpoints: Endpoints, layout: Layout) -> AsyncIterator[Paths]:
    """Yield the paths through a running stack."""
    current = state.load(layout)
    assert current is not None
    addresses = {name: f"http://127.0.0.1:{getattr(current.ports, name)}" for name in SERVICES}
    marked = {"X-Correlation-ID": f"{MARK}client"}
    connection = await aio_pika.connect(endpoints["amqp"], timeout=10)
    async with (
        httpx2.AsyncClient(base_url=endpoints["api"], headers=marked, timeout=10) as api,
        connection,
        connection.channel(on_return_raises=True) as channel,
    ):
        yield Paths(api, Seen(api, endpoints, layout.logs), channel, layout, addresses)
