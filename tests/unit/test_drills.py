"""Drills: each is about a scenario, an alert, a panel and a trace that exist; a failure is told."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import yaml

from services.api.scenarios import SCENARIOS
from stack.drills import mails, prometheus, report
from stack.drills.catalogue import (
    DRILLS,
    FLAG,
    POST,
    PROCESS,
    PUBLISH,
    flagged,
    named,
    poisoned,
    twice,
    unpublished,
    unread,
)
from stack.drills.kinds import Panel
from stack.drills.run import Result, until
from stack.drills.traces import Span, by_trace, find
from stack.errors import StackError
from stack.layout import ROOT

each_drill = pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)


FLAGGED = {FLAG: "payment-slow"}


def span(name: str, attributes: dict[str, str] | None = None) -> Span:
    """Return a span of the worker."""
    return Span("worker", name, attributes or {}, failed=False, duration_ms=8000.0)


def processed(outcome: str, message_id: str = "1") -> Span:
    """Return the span of a delivery."""
    return span("process", {"orderscope.outcome": outcome, "messaging.message.id": message_id})


def test_every_scenario_has_a_drill_and_every_drill_a_scenario() -> None:
    """In the same order, so that who knows one list knows the other."""
    assert [drill.name for drill in DRILLS] == list(SCENARIOS)


@each_drill
def test_a_drill_is_about_what_there_is(drill: Any) -> None:  # noqa: ANN401 - a Drill
    """An alert of the rules, a panel of a dashboard that asks Prometheus."""
    rules = [path.read_text() for path in (ROOT / "observability" / "rules").glob("*.yaml")]
    groups = [group for text in rules for group in yaml.safe_load(text)["groups"]]
    assert drill.alert in {rule.get("alert") for group in groups for rule in group["rules"]}
    expressions = prometheus.expressions(drill.panel)
    assert expressions
    assert all("$" not in expression for expression in expressions)


def test_drills_are_chosen_by_name() -> None:
    """Some or all; one that is unknown, or none, is an error that tells which there are."""
    assert named("all") == DRILLS
    assert [drill.name for drill in named(" smtp-down,payment-slow,smtp-down")] == [
        "smtp-down",
        "payment-slow",
    ]
    for wrong in ("", ",", "payment-slow,nonsense"):
        with pytest.raises(StackError, match="broker-down"):
            named(wrong)


def test_a_panel_without_the_title_is_no_panel() -> None:
    """A drill must not pass because it looked at nothing."""
    with pytest.raises(KeyError):
        prometheus.expressions(Panel("overview", "nonsense"))


@pytest.mark.parametrize(
    ("cause", "says", "silent"),
    [
        (
            flagged("payment-slow", "charge payment"),
            [span("charge payment", FLAGGED)],
            [span("charge payment"), span("settle", FLAGGED)],
        ),
        (unread, [span(PUBLISH)], [span(PUBLISH), span(PROCESS)]),
        (unpublished, [span(POST)], [span(POST), span(PUBLISH)]),
        (poisoned, [processed("malformed_json")], [processed("done")]),
        (
            twice,
            [processed("done"), processed("duplicate")],
            [processed("done"), processed("duplicate", "2")],
        ),
    ],
    ids=["flagged", "unread", "unpublished", "poisoned", "twice"],
)
def test_a_cause_is_read_from_the_right_trace_only(
    cause: Callable[[list[Span]], str], says: list[Span], silent: list[Span]
) -> None:
    """A trace that does not show it says nothing."""
    assert cause(says)
    assert cause(silent) == ""


def inbox(*found: dict[str, str]) -> httpx2.AsyncClient:
    """Return a client of an inbox with these emails."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/search"):
            return httpx2.Response(200, json={"messages": list(found)})
        [mail] = [one for one in found if request.url.path.endswith(f"/{one['ID']}")]
        return httpx2.Response(200, json={"HTML": mail["about"]})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


async def test_only_the_news_about_the_right_alert_is_waited_for() -> None:
    """Not an old one, nor one about another queue, nor one that merely begins alike."""
    client = inbox(
        {"ID": "1", "Subject": "[FIRING] RetryStorm (page)", "about": "worker"},
        {"ID": "2", "Subject": "[FIRING] RetryStorm (page)", "about": "notifier"},
        {"ID": "3", "Subject": "[FIRING] RetryStormy (page)", "about": "worker"},
    )
    wanted = mails.Wanted("[FIRING] RetryStorm ", "worker")
    assert await mails.arrived(client, "http://inbox", wanted, set()) == "1"
    assert await mails.arrived(client, "http://inbox", wanted, {"1"}) is None


async def test_no_trace_found_is_no_error() -> None:
    """Jaeger answers 404; so it may be looked for again."""
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(404, json={})))
    found = await find(
        client,
        "http://traces",
        service="api",
        operation="",
        attributes={},
        longer_than_ms=0,
        since=0,
        cause=lambda _: "never asked",
    )
    assert found is None


def test_spans_are_sorted_into_their_traces() -> None:
    """With their service, and whether they failed, in either spelling of the status."""
    document = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "api"}}]},
                "scopeSpans": [{"spans": [_json("1", 2), _json("2", "STATUS_CODE_ERROR"), _json("2", 0)]}],
            }
        ]
    }
    found = by_trace(document)
    assert [(one.service, one.failed, one.duration_ms) for one in found["2"]] == [
        ("api", True, 2.0),
        ("api", False, 2.0),
    ]
    assert found["1"][0].failed


def _json(trace_id: str, status: object) -> dict[str, Any]:
    return {
        "traceId": trace_id,
        "name": "x",
        "startTimeUnixNano": "1000000",
        "endTimeUnixNano": "3000000",
        "status": {"code": status},
    }


async def test_waiting_ends_with_what_was_missing() -> None:
    """A drill that cannot pass fails, and says why."""

    async def nothing() -> None:
        """Find nothing."""

    with pytest.raises(TimeoutError, match="in vain for an email"):
        await until("an email", nothing, 0.0)


def test_a_drill_that_failed_makes_the_report_fail() -> None:
    """The table has every drill, the JSON what programs need."""
    good = Result("a", "A", 1.0, 2.0, "queues/Retries", 0.5, "t", "because")
    bad = Result("b", "B", failure="no email")
    assert report.document([good], quick=True)["ok"] is True
    written = json.loads(json.dumps(report.document([good, bad], quick=False)))
    assert (written["ok"], written["fast"], written["drills"][1]["failure"]) == (False, False, "no email")
    assert report.table([good, bad]).row_count == 2
