"""The evidence after a run, read from outside: from Redis, the dead-letter queues, the inbox and a log."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from redis.asyncio import Redis

from resilience.chaos.amqp import Brokers, DeadLetter, dead_letters
from resilience.chaos.watch import Watch

BATCH = 500
"""Orders that are read from Redis in one pipeline."""
SENT = '"event":"email sent"'
CONCURRENT_MAILS = 8
MAILS_PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Record:
    """An order as Redis has it."""

    id: str
    key: str
    """The key that the client placed it with, taken from its customer's address."""
    status: str
    """Empty when there is none."""
    quantities: Mapping[str, int]
    """Units by product."""
    reserved: bool
    payment: Mapping[str, str]
    """The payment provider's entry for it; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Mail:
    """An email in the inbox."""

    order_id: str
    message_id: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the ledger is settled from."""

    records: Mapping[str, Record]
    """All orders, also those whose clients never got an answer."""
    stock: Mapping[str, int]
    payments: Sequence[str]
    """The order ids that the payment provider has an entry for."""
    dead_letters: Sequence[DeadLetter]
    mails: Sequence[Mail]
    emails_logged: Mapping[str, int]
    """How often the notifier logged that it had sent an order's email and stored that, by order id."""


async def gather(watch: Watch, brokers: Brokers, notifier_log: Path) -> Evidence:
    """Read everything.

    Raises:
        redis.RedisError, httpx2.HTTPError, TimeoutError: A server does not answer.
    """
    redis = watch.redis
    ids = sorted({name.split(":")[1] async for name in redis.scan_iter("order:*", count=BATCH)})
    records = {record.id: record for record in await _records(redis, ids)}
    payments = [name.split(":")[1] async for name in redis.scan_iter("payment:*", count=BATCH)]
    stock: Any = await redis.hgetall("stock")
    units = {sku: int(count) for sku, count in stock.items()}
    messages, mails = await brokers.run(dead_letters), await _mails(watch.client, watch.inbox)
    return Evidence(records, units, payments, messages, mails, emails_logged(notifier_log))


def emails_logged(log: Path) -> dict[str, int]:
    """Return how often a notifier's log says that an order's email was sent; cut-off lines do not count."""
    logged = Counter[str]()
    for file in log.parent.glob(f"{log.name}*"):  # a long log is rotated when its service is started again
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if SENT in line:
                    with suppress(ValueError, KeyError):
                        logged[json.loads(line)["order_id"]] += 1
    return dict(logged)


async def _records(redis: Redis, ids: Sequence[str]) -> list[Record]:
    records = list[Record]()
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        async with redis.pipeline(transaction=False) as pipeline:
            for order_id in some:
                pipeline.get(f"order:{order_id}")
                pipeline.hget(f"order:{order_id}:status", "status")
                pipeline.exists(f"order:{order_id}:reservation")
                pipeline.hgetall(f"payment:{order_id}")
            replies = await pipeline.execute()
        records += [_record(order_id, replies[4 * n : 4 * n + 4]) for n, order_id in enumerate(some)]
    return records


def _record(order_id: str, replies: Sequence[Any]) -> Record:
    document, status, reserved, payment = replies
    order: dict[str, Any] = json.loads(document) if document else {"customer": {"email": ""}, "items": []}
    quantities: dict[str, int] = {}
    for item in order["items"]:
        quantities[item["sku"]] = quantities.get(item["sku"], 0) + item["quantity"]
    key = order["customer"]["email"].partition("@")[0]
    return Record(order_id, key, status or "", quantities, bool(reserved), payment)


async def _mails(client: httpx2.AsyncClient, inbox: str) -> list[Mail]:
    ids, total = list[str](), 1
    while len(ids) < total:
        params = {"start": len(ids), "limit": MAILS_PER_PAGE}
        page = (await client.get(f"{inbox}/api/v1/messages", params=params)).raise_for_status().json()
        total = page["total"]
        ids += [message["ID"] for message in page["messages"]]
    slots = asyncio.Semaphore(CONCURRENT_MAILS)

    async def read(mail_id: str) -> Mail:
        async with slots:
            answer = await client.get(f"{inbox}/api/v1/message/{mail_id}/headers")
        headers = answer.raise_for_status().json()
        return Mail(*("".join(headers.get(name, ())) for name in ("X-Order-Id", "Message-Id", "To")))

    return await asyncio.gather(*map(read, ids))
