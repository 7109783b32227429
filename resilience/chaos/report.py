"""The ledger as a table for people and as a document for programs."""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from resilience.chaos.options import Options
from resilience.chaos.plan import Plan
from resilience.chaos.run import Outcome

MAX_OFFENDERS = 20
ORDERS = {
    "accepted": "answered with 202; what follows adds up to it",
    "done": "paid and fulfilled",
    "failed": "declined or sold out, and the customer was notified",
    "dead": "failed, and its message is in the dead-letter queue",
}
LOSSES = {
    "lost": "not in Redis",
    "stuck": "neither done nor failed in the end",
    "double_charged": "payments taken more than once, of all orders in Redis",
    "payments_wrong": "payments that do not fit the status of their order",
    "stock_wrong": "products whose units do not add up; reservations left",
    "orders_double": "orders that share an Idempotency-Key",
    "emails_missing": "settled orders without an email",
    "emails_differ": "second emails with another Message-ID",
    "emails_repeated": "emails sent again although the notifier had stored that they were sent",
    "emails_stray": "emails about an order that is not settled, or to somebody else",
    "poison_missing": "poison messages that are not in their dead-letter queue",
    "unanswered": "orders never answered with 202, however often they were sent",
    "exits_wrong": "services that did not exit with 0 in time on SIGTERM",
}
ALLOWED = {
    "emails_double": "the same email twice: accepted before, but the notifier could not store that (allowed)",
}


def losses(outcome: Outcome) -> dict[str, int]:
    """Return the size of each row that should be empty; `quiet`: the system did not become quiet in time."""
    rows = {name: len(outcome.rows[name]) for name in LOSSES if outcome.rows[name]}
    return rows if outcome.quiet else {**rows, "quiet": 1}


def table(outcome: Outcome) -> Table:
    """Return the ledger as a table."""
    view = Table("ledger", "orders", "", box=None, pad_edge=False)
    view.columns[1].justify = "right"
    for name, meaning in (ORDERS | LOSSES | ALLOWED).items():
        count = len(outcome.rows[name])
        bad = name in LOSSES and count
        view.add_row(name, str(count), meaning, style="bold red" if bad else None)
    answers = outcome.answers.refused
    refused = ", ".join(f"{count} times {status}" for status, count in sorted(answers.items()))
    view.add_row("refused", str(answers.total()), f"and tried again: {refused or 'none'}")
    view.add_row("faults", str(len(outcome.faults)), "")
    return view


def document(options: Options, plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """Return the ledger as JSON takes it."""
    return {
        **{name: len(outcome.rows[name]) for name in ORDERS | LOSSES | ALLOWED},
        "ok": not losses(outcome),
        "quiet": outcome.quiet,
        "seed": options.seed,
        "orders": options.orders,
        "cluster": options.cluster,
        "rate": round(options.orders / plan.seconds, 1),
        "refused": dict(sorted(outcome.answers.refused.items())),
        "seconds": round(outcome.seconds, 1),
        "faults": [asdict(fault) for fault in sorted(outcome.faults, key=lambda fault: fault.at_s)],
        "exits": [asdict(end) for end in outcome.exits],
        "offenders": offenders(outcome),
    }


def offenders(outcome: Outcome) -> dict[str, list[dict[str, str]]]:
    """Return the first entries of each row that should be empty, with their correlation ids."""
    return {
        name: [
            {"order": what, "correlation_id": outcome.keys[what]} if what in outcome.keys else {"what": what}
            for what in outcome.rows[name][:MAX_OFFENDERS]
        ]
        for name in LOSSES | ALLOWED
        if outcome.rows[name]
    }
