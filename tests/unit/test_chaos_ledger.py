"""The ledger: each wrong is named, and a right run has none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resilience.chaos.amqp import DeadLetter
from resilience.chaos.client import Answers
from resilience.chaos.evidence import Evidence, Mail, Record, emails_logged
from resilience.chaos.ledger import settle
from resilience.chaos.orders import STOCK
from resilience.chaos.system import Exit

APPROVED = {"state": "approved", "charges": "1"}
FINE = {"accepted", "done", "failed", "dead"}
DEAD_LETTER = DeadLetter("worker.order-created.dlq", "retries_exhausted", "c", '{"id": "c"}')
POISON = DeadLetter("notifier.order-outcome.dlq", "malformed_json", "", "no JSON: mark-1")


def record(order_id: str, status: str, **more: Any) -> Record:  # noqa: ANN401 - as fields are
    """Return an order of two moka pots, paid when it is done."""
    payment = more.pop("payment", APPROVED if status == "done" else {})
    fields = {"quantities": {"moka-pot": 2}, "reserved": False, **more}
    return Record(order_id, f"key-{order_id}", status, payment=payment, **fields)


def mail(order_id: str, message_id: str = "") -> Mail:
    """Return the email about an order, to its customer."""
    return Mail(order_id, message_id or f"<event-{order_id}>", f"Ada <key-{order_id}@example.com>")


RECORDS = {one.id: one for one in (record("a", "done"), record("b", "failed"), record("c", "failed"))}
EVIDENCE = Evidence(
    records=RECORDS,
    stock={**STOCK, "moka-pot": STOCK["moka-pot"] - 2},
    payments=["a"],
    dead_letters=[DEAD_LETTER, POISON],
    mails=[mail("a"), mail("b"), mail("c")],
    emails_logged={"a": 1, "b": 1},
)
ANSWERS = Answers(accepted={order_id: f"key-{order_id}" for order_id in RECORDS})
POISONS = {"mark-1": "notifier.order-outcome"}
EXITS = [Exit("worker", 0, 1.0)]


def but(*records: Record, without: str = "", **fields: Any) -> Evidence:  # noqa: ANN401 - as fields are
    """Return the evidence with some orders changed or added, one missing, or other fields changed."""
    found = {**RECORDS, **{one.id: one for one in records}}
    return replace(EVIDENCE, **{"records": {k: v for k, v in found.items() if k != without}, **fields})


def test_a_right_run_has_nothing_wrong() -> None:
    """Each accepted order is in exactly one row, and no other row has an entry."""
    found = settle(EVIDENCE, ANSWERS, POISONS, EXITS)
    assert (found["done"], found["failed"], found["dead"]) == (["a"], ["b"], ["c"])
    assert {name for name, entries in found.items() if entries} == FINE


MAILS, STOCK_LEFT, TWICE = EVIDENCE.mails, EVIDENCE.stock, {**APPROVED, "charges": "2"}
OTHERS = [*MAILS[1:], replace(mail("a"), recipient="key-b@example.com")]
ALIKE = [*MAILS[1:], replace(mail("a"), recipient="key-a2@example.com")]
MISPLACED = replace(POISON, queue="worker.order-created.dlq")
WRONGS: dict[str, tuple[Evidence, dict[str, list[str]]]] = {
    "gone without a trace": (but(without="b"), {"lost": ["b"], "emails_stray": ["b"]}),
    "its document is gone": (but(replace(RECORDS["b"], key="")), {"lost": ["b"], "emails_stray": []}),
    "without a status": (but(record("b", "")), {"lost": ["b"]}),
    "never begun": (but(record("b", "pending")), {"stuck": ["b"], "emails_stray": ["b"]}),
    "begun and left": (but(record("b", "processing", reserved=True)), {"stuck": ["b"]}),
    "charged twice": (but(record("a", "done", payment=TWICE)), {"double_charged": ["a"]}),
    "charged twice, unasked": (
        but(record("z", "failed", payment={**TWICE, "state": "voided"})),
        {"double_charged": ["z"], "emails_missing": ["z"]},
    ),
    "done unpaid": (but(record("a", "done", payment={})), {"payments_wrong": ["a"]}),
    "failed and paid": (but(record("b", "failed", payment=APPROVED)), {"payments_wrong": ["b"]}),
    "a payment for nothing": (but(payments=["a", "zz"]), {"payments_wrong": ["zz"]}),
    "no email": (but(mails=MAILS[:2]), {"emails_missing": ["c"]}),
    "the same email twice": (but(mails=[*MAILS, MAILS[0]]), {"emails_double": ["a"], "emails_differ": []}),
    "an email sent again, knowingly": (but(emails_logged={"a": 2, "b": 1}), {"emails_repeated": ["a"]}),
    "another second email": (
        but(mails=[*MAILS, mail("a", "<other>")]),
        {"emails_differ": ["a"], "emails_double": []},
    ),
    "an email to somebody else": (but(mails=OTHERS), {"emails_stray": ["a"]}),
    "an email to one whose key only begins alike": (but(mails=ALIKE), {"emails_stray": ["a"]}),
    "stock sold twice": (
        but(stock={**STOCK_LEFT, "grinder": 7}),
        {"stock_wrong": [f"grinder: 7 left instead of {STOCK['grinder']}"]},
    ),
    "a product that is gone": (
        but(stock={k: v for k, v in STOCK_LEFT.items() if k != "grinder"}),
        {"stock_wrong": [f"grinder: None left instead of {STOCK['grinder']}"]},
    ),
    "still reserved": (but(record("b", "failed", reserved=True)), {"stock_wrong": ["b"]}),
    "two orders for a key": (
        but(replace(record("z", "failed"), key="key-a")),
        {"orders_double": ["a", "z"], "emails_missing": ["z"]},
    ),
    "poison that vanished": (but(dead_letters=[DEAD_LETTER]), {"poison_missing": ["mark-1"]}),
    "poison in another queue": (but(dead_letters=[DEAD_LETTER, MISPLACED]), {"poison_missing": ["mark-1"]}),
}


@pytest.mark.parametrize("name", WRONGS)
def test_each_wrong_is_named(name: str) -> None:
    """What is wrong stands in its row, and the rows of orders still add up to what was accepted."""
    evidence, expected = WRONGS[name]
    found = settle(evidence, ANSWERS, POISONS, EXITS)
    assert {row: found[row] for row in expected} == expected
    rows = ("done", "failed", "dead", "lost", "stuck")
    assert sorted(order for row in rows for order in found[row]) == sorted(ANSWERS.accepted)


def test_what_the_harness_saw_itself_is_named() -> None:
    """An order that was never accepted, another id than Redis has, a wrong or late exit."""
    answers = Answers({**ANSWERS.accepted, "b": "key-of-somebody"}, unanswered=["key-q"])
    exits = [Exit("api", None, 25.0), Exit("worker", -9, 1.0), Exit("notifier", 0, 1.0)]
    found = settle(EVIDENCE, answers, POISONS, exits)
    assert found["unanswered"] == ["key-q"]
    assert found["orders_double"] == ["b"]
    assert found["exits_wrong"] == ["api: None", "worker: -9"]


def test_a_dead_letter_of_a_done_order_changes_nothing() -> None:
    """An order that was fulfilled stays done although a copy of its message was dead-lettered."""
    copy = replace(DEAD_LETTER, order_id="a")
    assert settle(but(dead_letters=[copy, POISON]), ANSWERS, POISONS, EXITS)["done"] == ["a"]


def test_what_the_notifier_noted_is_read_from_its_log(tmp_path: Path) -> None:
    """Only its own lines count, each order's for itself; a line that a kill broke off is none."""
    log = tmp_path / "notifier.log"
    sent = '{"event":"email sent","order_id":"%s"}'
    log.write_text(
        "\n".join([sent % "a", '{"event":"consuming"}', sent % "b", sent % "a", (sent % "c")[:-9], "oops"])
    )
    assert emails_logged(log) == {"a": 2, "b": 1}
