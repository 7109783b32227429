"""The ledger: what became of every order, and whether that adds up. Pure functions of the evidence."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from email.utils import parseaddr

from resilience.chaos.client import Answers
from resilience.chaos.evidence import Evidence, Mail, Record
from resilience.chaos.orders import STOCK, address
from resilience.chaos.system import Exit

SETTLED = ("done", "failed")
WORKER_DEAD_LETTERS = "worker.order-created.dlq"


def settle(
    evidence: Evidence, answers: Answers, poisons: Mapping[str, str], exits: Sequence[Exit]
) -> dict[str, list[str]]:
    """Return the entries of each row of the ledger: ids of orders, or a description of what is no order.

    Args:
        evidence: What was found in the servers.
        answers: What the client was answered.
        poisons: The queue that each poison message was put into, by its mark.
        exits: How services ended after SIGTERM.
    """
    return {
        "accepted": list(answers.accepted),
        **orders(evidence, answers.accepted),
        **payments(evidence),
        **emails(evidence),
        "orders_double": orders_double(evidence.records.values(), answers.accepted),
        "stock_wrong": stock_wrong(evidence),
        "poison_missing": poison_missing(evidence, poisons),
        "unanswered": answers.unanswered,
        "exits_wrong": [f"{end.service}: {end.status}" for end in exits if end.status != 0],
    }


def orders(evidence: Evidence, accepted: Iterable[str]) -> dict[str, list[str]]:
    """Return each order that was answered with 202 in exactly one row."""
    dead = {one.order_id for one in evidence.dead_letters if one.queue == WORKER_DEAD_LETTERS}
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
    """Return orders that were charged more than once, and those whose payment does not fit their status."""
    records = evidence.records.values()
    wrong = [record.id for record in records if not _paid_rightly(record)]
    strangers = [order_id for order_id in evidence.payments if order_id not in evidence.records]
    double = [record.id for record in records if _charges(record) > 1]
    return {"double_charged": double, "payments_wrong": wrong + strangers}


def emails(evidence: Evidence) -> dict[str, list[str]]:
    """Return settled orders without an email, with the same email twice, or with a second, different email.

    A repeated email was sent again although the notifier had stored that it was sent. A stray email is about
    an order that is not settled, or went to somebody else.
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
        "emails_repeated": [order_id for order_id, times in evidence.emails_logged.items() if times > 1],
        "emails_stray": strays,
    }


def orders_double(records: Iterable[Record], accepted: Mapping[str, str]) -> list[str]:
    """Return orders that share their key with another, or whose id the api returned for another key."""
    everything = list(records)
    count = Counter(record.key for record in everything)
    return [
        record.id
        for record in everything
        if record.key and (count[record.key] > 1 or accepted.get(record.id, record.key) != record.key)
    ]


def stock_wrong(evidence: Evidence) -> list[str]:
    """Return products whose units do not add up, and orders that still hold a reservation."""
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
    """Return the poison messages that are not in their dead-letter queue."""
    bodies = [(one.queue, one.body) for one in evidence.dead_letters]
    return [
        mark
        for mark, queue in poisons.items()
        if not any(place == f"{queue}.dlq" and mark in body for place, body in bodies)
    ]


def _astray(record: Record, mail: Mail) -> bool:
    """Whether an email went to somebody else than the customer; unknown without the order's document."""
    return bool(record.key) and parseaddr(mail.recipient)[1] != address(record.key)


def _charges(record: Record) -> int:
    return int(record.payment.get("charges", 0))


def _paid_rightly(record: Record) -> bool:
    """Whether the payment fits the status: a done order is paid, a failed one is not, others may be."""
    approved = record.payment.get("state") == "approved"
    if record.status == "done":
        return approved and _charges(record) > 0
    return not (record.status == "failed" and approved)
