"""What is found afterwards, from outside: in Redis, in the dead-letter queues, in the inbox."""

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

from resilience.chaos.letters import Letter, Mailman, dead_letters

READS_AT_ONCE = 500
NOTED = '"event":"email sent"'
MAILS_AT_ONCE = 8
MAILS_A_PAGE = 1000
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Record:
    """An order as Redis has it."""

    id: str
    key: str
    """The key that it was placed with, as its customer's address has it."""
    status: str
    """Empty when there is none."""
    quantities: Mapping[str, int]
    """Units by product."""
    reserved: bool
    payment: Mapping[str, str]
    """The provider's entry for it; empty when there is none."""


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
    """All orders, also those whose clients were never told of them."""
    stock: Mapping[str, int]
    payments: Sequence[str]
    """The order ids that the provider has an entry for."""
    letters: Sequence[Letter]
    mails: Sequence[Mail]
    told: Mapping[str, int]
    """How often the notifier noted that it had sent an order's email and remembered that, by order id."""


async def gather(redis_url: str, mailman: Mailman, inbox: str, notifier_log: Path) -> Evidence:
    """Read everything.

    Raises:
        redis.RedisError, httpx2.HTTPError, TimeoutError: A server does not answer.
    """
    redis = Redis.from_url(redis_url, decode_responses=True, socket_timeout=TIMEOUT_SECONDS)
    async with redis:
        names = [name async for name in redis.scan_iter("order:*", count=READS_AT_ONCE)]
        ids = sorted({name.split(":")[1] for name in names})
        records = {record.id: record for record in await _records(redis, ids)}
        payments = [name.split(":")[1] async for name in redis.scan_iter("payment:*", count=READS_AT_ONCE)]
        stock: Any = await redis.hgetall("stock")
    letters = await mailman.insist(dead_letters)
    units = {sku: int(count) for sku, count in stock.items()}
    return Evidence(records, units, payments, letters, await _mails(inbox), emails_noted(notifier_log))


def emails_noted(log: Path) -> dict[str, int]:
    """Return how often a notifier's log says that an order's email was sent; half a line is none."""
    noted = Counter[str]()
    for file in log.parent.glob(f"{log.name}*"):  # a long one is put aside when its service is started again
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if NOTED in line:
                    with suppress(ValueError, KeyError):
                        noted[json.loads(line)["order_id"]] += 1
    return dict(noted)


async def _records(redis: Redis, ids: Sequence[str]) -> list[Record]:
    records = list[Record]()
    for start in range(0, len(ids), READS_AT_ONCE):
        some = ids[start : start + READS_AT_ONCE]
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


async def _mails(inbox: str) -> list[Mail]:
    # A proxy that the environment names cannot reach this machine's ports.
    async with httpx2.AsyncClient(base_url=inbox, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        ids = await _mail_ids(client)
        slots = asyncio.Semaphore(MAILS_AT_ONCE)
        return await asyncio.gather(*(_mail(client, mail_id, slots) for mail_id in ids))


async def _mail_ids(client: httpx2.AsyncClient) -> list[str]:
    ids, total = list[str](), 1
    while len(ids) < total:
        params = {"start": len(ids), "limit": MAILS_A_PAGE}
        page = (await client.get("/api/v1/messages", params=params)).raise_for_status().json()
        total = page["total"]
        ids += [message["ID"] for message in page["messages"]]
    return ids


async def _mail(client: httpx2.AsyncClient, mail_id: str, slots: asyncio.Semaphore) -> Mail:
    async with slots:
        headers = (await client.get(f"/api/v1/message/{mail_id}/headers")).raise_for_status().json()
    return Mail(_first(headers, "X-Order-Id"), _first(headers, "Message-Id"), _first(headers, "To"))


def _first(headers: Mapping[str, Sequence[str]], name: str) -> str:
    return str(next(iter(headers.get(name, ())), ""))
