"""Drills: each is about a scenario, an alert, a panel and a trace that exist; a failure is reported."""

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import Mock

import httpx2
import pytest

from resilience.drills import clients, command, dead_letters, inbox, prometheus
from resilience.drills.catalogue import DRILLS, Alert, Drill, Load, Panel, Search
from resilience.drills.environment import until
from resilience.drills.run import Result
from resilience.drills.traces import explain, find
from services.api import faults as api
from services.api.scenarios import SCENARIOS
from services.notifier import faults as notifier
from services.worker import faults as worker
from stack.errors import StackError
from stack.spans import Span, by_trace
from tests.panels import ALERTS, SERVICES

if TYPE_CHECKING:
    from stack.operators import Operator

PUBLISH, PROCESS = "publish orders:order.created.v1", "process worker.order-created"


def span(name: str, attributes: dict[str, str] | None = None) -> Span:
    """Return a span of the worker."""
    return Span("worker", name, attributes or {}, failed=False, start=10**9, end=9 * 10**9)


def processed(outcome: str, message_id: str = "1") -> Span:
    """Return the span of a delivery."""
    return span(PROCESS, {"orderscope.outcome": outcome, "messaging.message.id": message_id})


def test_every_scenario_has_a_drill_and_breaks_something() -> None:
    """In the same order, so that who knows one list knows the other; each is one that a service asks for."""
    assert list(DRILLS) == list(SCENARIOS)
    values = [value for module in (api, worker, notifier) for value in vars(module).values()]
    assert {value for value in values if isinstance(value, str)} >= set(SCENARIOS)


def says(alert: Alert) -> str:
    """Return the texts of an alert for each service, with its labels filled in."""
    said = ""
    for job in SERVICES:
        text = " ".join(ALERTS[alert.name]["annotations"].values())
        for label, value in {"job": job, **alert.labels}.items():
            text = text.replace(f"{{{{ $labels.{label} }}}}", value)
        said += text
    return said


@pytest.mark.parametrize("drill", DRILLS.values(), ids=DRILLS)
def test_a_drill_is_about_what_there_is(drill: Drill) -> None:
    """An alert of the rules that says what is waited for, a panel of a dashboard that asks Prometheus."""
    assert ALERTS[drill.alert.name]["labels"]["severity"] in {drill.alert.severity, "{{ $labels.severity }}"}
    assert all(text in says(drill.alert) for text in drill.alert.text)
    expressions = prometheus.expressions(drill.panel)
    assert expressions
    assert all("$" not in expression for expression in expressions)
    with pytest.raises(KeyError):  # a drill must not pass because it looked at nothing
        prometheus.expressions(drill.panel.model_copy(update={"title": "nonsense"}))


def test_only_the_series_of_the_fault_counts() -> None:
    """A panel shows others, too, which are high while all is well."""
    panel = Panel(
        dashboard="queues", title="Deliveries by outcome", at_least=0.5, labels={"outcome": "duplicate"}
    )
    assert panel.shows({"outcome": "duplicate", "queue": "q"}, 0.5)
    assert not panel.shows({"outcome": "duplicate"}, 0.4)
    assert not panel.shows({"outcome": "done"}, 50)
    assert Panel(dashboard="queues", title="Fewest consumers", at_most=0).shows({}, 0)


@pytest.mark.parametrize(
    ("name", "shows", "does_not"),
    [
        (
            "payment-slow",
            [span("charge payment", {"feature_flag.key": "payment-slow"})],
            [span("charge payment"), span("settle", {"feature_flag.key": "payment-slow"})],
        ),
        ("consumer-stopped", [span(PUBLISH)], [span(PUBLISH), span(PROCESS)]),
        ("broker-down", [span("POST /v1/orders"), span("redis: accept")], [span("POST /v1/orders")]),
        ("poison-messages", [processed("malformed_json")], [processed("done")]),
        (
            "duplicate-messages",
            [processed("done"), processed("duplicate")],
            [processed("done"), processed("duplicate", "2")],
        ),
    ],
)
def test_a_cause_is_read_from_the_right_trace_only(
    name: str, shows: list[Span], does_not: list[Span]
) -> None:
    """A cause without words is the span: how long it took, and the attributes by which it was found."""
    found = explain(DRILLS[name].cause, shows)
    assert found
    if name == "payment-slow":
        assert found == "worker: charge payment took 8000 ms (feature_flag.key=payment-slow)"
    assert explain(DRILLS[name].cause, does_not) == ""


async def test_only_the_email_about_the_right_alert_is_waited_for() -> None:
    """Neither one about another queue, nor one of another severity."""
    found = [
        {"ID": "1", "Subject": "[FIRING] RetryStorm (page)", "HTML": "worker"},
        {"ID": "2", "Subject": "[FIRING] RetryStorm (page)", "HTML": "notifier"},
        {"ID": "3", "Subject": "[FIRING] RetryStorm (ticket)", "HTML": "worker"},
    ]

    def answer(request: httpx2.Request) -> httpx2.Response:
        mails = {f"/api/v1/message/{one['ID']}": one for one in found}
        return httpx2.Response(200, json=mails.get(request.url.path, {"messages": found}))

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    assert await inbox.ids(client, "http://inbox", "[FIRING] RetryStorm (page)") == {"1", "2"}
    assert await inbox.says(client, "http://inbox/api/v1/message/1", ("worker",), all)
    assert not await inbox.says(client, "http://inbox/api/v1/message/2", ("worker",), all)


async def test_no_trace_found_is_no_error_and_a_refused_search_is() -> None:
    """Jaeger answers 404; so it may be looked for again."""
    search, cause = Search(service="api", operation="x"), DRILLS["payment-slow"].cause
    statuses = iter([404, 400])
    transport = httpx2.MockTransport(lambda _: httpx2.Response(next(statuses), json={}))
    client = httpx2.AsyncClient(transport=transport)
    assert await find(client, "http://traces", search, cause, since=0) is None
    with pytest.raises(httpx2.HTTPStatusError):
        await find(client, "http://traces", search, cause, since=0)


def test_spans_are_sorted_into_their_traces() -> None:
    """With their service, and whether they failed, in either spelling of the status."""
    times = {"name": "x", "startTimeUnixNano": "1000000", "endTimeUnixNano": "3000000"}
    statuses = (("1", 2), ("2", "STATUS_CODE_ERROR"), ("2", 0))
    spans = [{**times, "traceId": trace, "status": {"code": status}} for trace, status in statuses]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "api"}}]}
    found = by_trace({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]})
    assert [(one.service, one.failed, one.milliseconds) for one in found["2"]] == [
        ("api", True, 2.0),
        ("api", False, 2.0),
    ]
    assert found["1"][0].failed


class Api:
    """Stands for the api: dead letters by id and reason; some come back when they are replayed."""

    def __init__(self, reasons: dict[str, str], failing: int = 0) -> None:
        """Have dead letters; fail the first so many requests."""
        self.reasons = reasons
        self.failing = failing
        self.done: list[tuple[str, ...]] = []

    def ask(self, method: str, *path: str, **_: float) -> Any:  # noqa: ANN401 - JSON
        """Answer as the api does."""
        if self.failing:
            self.failing -= 1
            raise StackError("503")
        if path == ("dead-letters",):
            return {"items": [{"queue": "q", "count": len(self.reasons)}]}
        if method == "GET":
            years = {"old": 2026}
            return {
                "items": [
                    {"id": one, "reason": why, "dead_lettered_at": f"{years.get(why, 2027)}-01-01T00:00:00Z"}
                    for one, why in self.reasons.items()
                ]
            }
        self.done.append((method, *path[2:]))
        if self.reasons[path[2]] != "stubborn":
            del self.reasons[path[2]]
        return {}


def clear(api_of: Api, seconds: float = 30) -> None:
    """Replay or discard the dead letters of a drill since September 2026."""
    dead_letters.clear(cast("Operator", api_of), 1_790_000_000.0, seconds)


def test_dead_letters_of_a_drill_are_replayed_and_others_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only unreadable ones are discarded; a broker that is just coming back is waited for.

    Those that keep coming back fail the drill, and are not discarded: somebody's order may be in them.
    """
    monkeypatch.setattr(dead_letters, "PAUSE_SECONDS", 0)
    there = Api({"1": "retries_exhausted", "2": "malformed_json", "3": "old"}, failing=2)
    clear(there)
    assert there.done == [("POST", "1", "replay"), ("DELETE", "2")]
    assert there.reasons == {"3": "old"}
    there = Api({"1": "stubborn"})
    with pytest.raises(StackError, match="come back"):
        clear(there, 0.05)
    assert there.reasons == {"1": "stubborn"}


async def test_waiting_ends_with_what_was_missing() -> None:
    """A drill that cannot pass fails, and says why."""

    async def nothing() -> None:
        """Find nothing."""

    with pytest.raises(TimeoutError, match="in vain for an email"):
        await until("an email", nothing, 0.0)


def test_a_drill_that_failed_makes_the_report_fail() -> None:
    """The table has every drill, the JSON what programs need."""
    good = Result("a", "A", 5, 1.0, 2.0, "queues/Retries", 0.5, "http://traces/trace/1", "because")
    bad = Result("b", "B", failure="no email")
    assert command.document([good], quick=True)["ok"] is True
    written = json.loads(json.dumps(command.document([good, bad], quick=False)))
    assert (written["ok"], written["fast"], written["drills"][1]["failure"]) == (False, False, "no email")
    assert command.table([good, bad]).row_count == 2


async def test_dead_letters_are_counted_as_soon_as_the_broker_answers() -> None:
    """At the start the api has no connection yet: that is no answer, and no failure."""
    listed = {"items": [{"queue": "a.dlq", "count": 0}, {"queue": "other.dlq", "count": 9}]}
    starting: Any = Mock(ask=Mock(side_effect=[StackError("503"), listed]))
    look = partial(asyncio.to_thread, dead_letters.count, starting, "a.dlq")
    assert await until("dead letters", look, 5) == 0


async def test_clients_place_orders_and_read_them_whatever_is_answered() -> None:
    """A server that refuses or does not answer is part of a drill; only accepted orders count."""
    read, accepted = asyncio.Event(), httpx2.Response(202, json={"id": "1"})
    refused = [httpx2.Response(429)] * 999
    placed = Mock(side_effect=[httpx2.ConnectError("away"), httpx2.Response(503), accepted, *refused])

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return cast("httpx2.Response", placed())
        read.set()
        return httpx2.Response(200)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    async with clients.driving(http, "http://api", Load(orders=200, reads=200), {}) as driven:
        async with asyncio.timeout(5):
            await read.wait()
    assert driven.accepted == 1
