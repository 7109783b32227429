"""The ledger as it is shown and written."""

import json
from typing import Any

from resilience.chaos.actions import Injected
from resilience.chaos.client import Answers
from resilience.chaos.kinds import select
from resilience.chaos.options import Options
from resilience.chaos.plan import Plan
from resilience.chaos.report import ALLOWED, LOSSES, ORDERS, document, losses
from resilience.chaos.run import Outcome
from resilience.chaos.system import Exit

OPTIONS = Options(100, 7, select("all", cluster=False), 60, 0, observe=False)
PLAN = Plan(50.0, ())


def outcome(*, quiet: bool = True, **rows: list[str]) -> Outcome:
    """Return how a run of three orders ended, some rows otherwise than they should be."""
    answers = Answers({"a": "key-a", "b": "key-b", "c": "key-c"})
    answers.refused.update({"503": 4, "connection": 2})
    found = {name: list[str]() for name in ORDERS | LOSSES | ALLOWED}
    found |= {"accepted": ["a", "b", "c"], "done": ["a", "b", "c"], **rows}
    faults = [Injected("kill-api", 9.0, 1.0, "api", "killed"), Injected("cut-amqp", 6.0, 2.0, "amqp", "cut")]
    return Outcome(found, answers.accepted, answers, faults, [Exit("api", 0, 0.5)], quiet, 66.6)


def test_what_should_be_empty_is_a_loss() -> None:
    """So is a system that did not come to rest; a second email of the same id is counted and no loss."""
    assert losses(outcome(emails_double=["a"])) == {}
    for name in LOSSES:
        rows: Any = {name: ["x", "y"]}
        assert losses(outcome(**rows)) == {name: 2}
    assert losses(outcome(quiet=False)) == {"quiet": 1}


def test_the_document_has_what_programs_look_for() -> None:
    """Counts, how it can be repeated, faults in the order of their time, and what to look for in the logs.

    However much is lost, the document stays readable.
    """
    lost, stuck = ["b"], [f"order-{n}" for n in range(500)]
    written = json.loads(json.dumps(document(OPTIONS, PLAN, outcome(lost=lost, stuck=stuck))))
    counts = {name: written[name] for name in ORDERS | LOSSES | ALLOWED}
    assert counts == {**dict.fromkeys(counts, 0), "accepted": 3, "done": 3, "lost": 1, "stuck": 500}
    assert (written["seed"], written["orders"], written["cluster"], written["ok"]) == (7, 100, 0, False)
    assert written["refused"] == {"503": 4, "connection": 2}
    assert [fault["name"] for fault in written["faults"]] == ["cut-amqp", "kill-api"]
    assert written["exits"] == [{"service": "api", "status": 0, "seconds": 0.5}]
    assert written["offenders"]["lost"] == [{"order": "b", "correlation_id": "key-b"}]
    assert written["offenders"]["stuck"] == [{"what": f"order-{n}"} for n in range(20)]
