"""The ledger: what became of every order, and whether that adds up. Pure: from evidence to numbers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr

from resilience.chaos.evidence import Evidence, Mail, Record
from resilience.chaos.orders import STOCK, address
from resilience.chaos.system import Exit

SETTLED = ("done", "failed")
WORKER_DEAD_LETTERS = "worker.order-created.dlq"
Finding = Mapping[str, Sequence[str]]
"""What was found, by row: ids of orders, or words for what is no order."""


@dataclass(frozen=True, slots=True)
class Harness:
    """What the harness knows from having done it."""

    accepted: Mapping[str, str]
    """The keys of the orders that were answered with 202, by their ids."""
    unanswered: Sequence[str]
    """The keys of orders that the client gave up."""
    poisons: Mapping[str, str]
    """The queue that each poison was put into, by its mark."""
    exits: Sequence[Exit]


def settle(evidence: Evidence, harness: Harness) -> dict[str, list[str]]:
    """Return what belongs into each row of the ledger."""
    return {
        "accepted": list(harness.accepted),
        **fates(evidence, harness.accepted),
        **payments(evidence),
        **emails(evidence),
        "orders_double": orders_double(evidence.records.values(), harness.accepted),
        "stock_wrong": stock_wrong(evidence),
        "poison_missing": poison_missing(evidence, harness.poisons),
        "unanswered": list(harness.unanswered),
        "exits_wrong": [f"{end.service}: {end.status}" for end in harness.exits if end.status != 0],
    }


def fates(evidence: Evidence, accepted: Iterable[str]) -> dict[str, list[str]]:
    """Return exactly one fate for each order that was answered with 202."""
    dead = {letter.order_id for letter in evidence.letters if letter.queue == WORKER_DEAD_LETTERS}
    found: dict[str, list[str]] = {name: [] for name in ("done", "failed", "dead", "lost", "stuck")}
    for order_id in accepted:
        record = evidence.records.get(order_id)
        if record is None or not record.status or not record.key:
            found["lost"].append(order_id)
        elif record.status not in SETTLED:
            found["stuck"].append(order_id)
        elif record.status == "failed" and order_id in dead:
            found["dead"].append(order_id)
        else:
            found[record.status].append(order_id)
    return found


def payments(evidence: Evidence) -> dict[str, list[str]]:
    """Return whose payment was taken more than once, and whose is not what its status says."""
    records = evidence.records.values()
    wrong = [record.id for record in records if not _paid_rightly(record)]
    strangers = [order_id for order_id in evidence.payments if order_id not in evidence.records]
    double = [record.id for record in records if _charges(record) > 1]
    return {"double_charged": double, "payments_wrong": wrong + strangers}


def emails(evidence: Evidence) -> dict[str, list[str]]:
    """Return which settled orders have no email, a second one, or another one than the first.

    A repeated one was sent again although the notifier had remembered the first. A stray email is about an
    order that is not settled, or went to somebody else.
    """
    mails: defaultdict[str, list[Mail]] = defaultdict(list)
    for mail in evidence.mails:
        mails[mail.order_id].append(mail)
    settled = {record.id: record for record in evidence.records.values() if record.status in SETTLED}
    several = [order_id for order_id, some in mails.items() if len(some) > 1]
    differ = [order_id for order_id in several if len({mail.message_id for mail in mails[order_id]}) > 1]
    strays = [
        order_id
        for order_id, some in mails.items()
        if order_id not in settled or any(_astray(settled[order_id], mail) for mail in some)
    ]
    return {
        "emails_missing": [order_id for order_id in settled if order_id not in mails],
        "emails_double": [order_id for order_id in several if order_id not in differ],
        "emails_differ": differ,
        "emails_repeated": [order_id for order_id, times in evidence.told.items() if times > 1],
        "emails_stray": strays,
    }


def orders_double(records: Iterable[Record], accepted: Mapping[str, str]) -> list[str]:
    """Return orders that share their key with another, or that were answered for another's key."""
    everyone = list(records)
    count = Counter(record.key for record in everyone)
    return [
        record.id
        for record in everyone
        if record.key and (count[record.key] > 1 or accepted.get(record.id, record.key) != record.key)
    ]


def stock_wrong(evidence: Evidence) -> list[str]:
    """Return products whose units do not add up, and settled orders that still hold some."""
    left = Counter(STOCK)
    held = [record.id for record in evidence.records.values() if record.reserved]
    for record in evidence.records.values():
        if record.status == "done":
            left.subtract(record.quantities)
    wrong = [
        f"{sku}: {evidence.stock.get(sku)} left instead of {left[sku]}"
        for sku in {*left, *evidence.stock}
        if evidence.stock.get(sku) != left[sku]
    ]
    return sorted(wrong) + held


def poison_missing(evidence: Evidence, poisons: Mapping[str, str]) -> list[str]:
    """Return the poison that is not in its dead-letter queue."""
    bodies = [(letter.queue, letter.body) for letter in evidence.letters]
    return [
        mark
        for mark, queue in poisons.items()
        if not any(place == f"{queue}.dlq" and mark in body for place, body in bodies)
    ]


def _astray(record: Record, mail: Mail) -> bool:
    """Whether an email went to somebody else than the order's customer; unknown when its document is gone."""
    return bool(record.key) and parseaddr(mail.recipient)[1] != address(record.key)


def _charges(record: Record) -> int:
    return int(record.payment.get("charges", 0))


def _paid_rightly(record: Record) -> bool:
    """A done order has one approved payment, a failed one none that is kept; others are not over yet."""
    approved = record.payment.get("state") == "approved"
    if record.status == "done":
        return approved and _charges(record) > 0
    return not (record.status == "failed" and approved)
