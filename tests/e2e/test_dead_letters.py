"""An operator works through dead letters, over HTTP and by command; nothing is settled twice."""

import json
import subprocess
import sys
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from stack.layout import Layout
from tests.e2e.seen import assert_problem
from tests.e2e.senders import DEAD_LETTERS, GOOD_HEADERS, OPERATOR, WORK, Senders, created
from tests.telemetry.spans import Span


@pytest.fixture
async def poison(senders: Senders) -> dict[str, Any]:
    """Return the dead letter that a message which is no JSON has become, as the api lists it."""
    traced = {**GOOD_HEADERS, "traceparent": f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"}
    return await senders.listed(await senders.send(WORK, b"no JSON", traced))


async def test_nobody_gets_in_without_the_token(api: httpx2.AsyncClient) -> None:
    """Looking, replaying, discarding and switching scenarios are for operators."""
    one, scenarios = f"{DEAD_LETTERS}/{'0' * 32}", "/v1/scenarios"
    looking = [("GET", path) for path in ("/v1/dead-letters", DEAD_LETTERS, one, scenarios)]
    deleting = [("DELETE", path) for path in (DEAD_LETTERS, one, scenarios, f"{scenarios}/smtp-down")]
    changing = [
        ("POST", f"{DEAD_LETTERS}/replay"),
        ("POST", f"{one}/replay"),
        ("PUT", f"{scenarios}/smtp-down"),
    ]
    for method, path in (*looking, *deleting, *changing):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            refused = await api.request(method, path, headers=headers)
            assert_problem(refused, 401)
            assert refused.headers["www-authenticate"] == "Bearer"


async def test_a_replay_is_seen_in_the_trace_of_the_message(senders: Senders, poison: dict[str, Any]) -> None:
    """The second attempt follows from the first, and the replay leads to the operator's request."""
    shown = (await senders.api.get(f"{DEAD_LETTERS}/{poison['id']}", headers=OPERATOR)).json()
    assert shown.items() >= poison.items()
    assert (shown["reason"], shown["attempts"], shown["body"]) == ("malformed_json", 1, "no JSON")
    assert shown["headers"]["x-dead-lettered-from"] == WORK
    answer = await senders.api.post(f"{DEAD_LETTERS}/{poison['id']}/replay", headers=OPERATOR)
    assert (answer.status_code, answer.json()["handled"]) == (200, 1)
    again = await senders.listed(poison["correlation_id"], replays=1)
    assert (again["trace_id"], again["message_id"]) == (poison["trace_id"], poison["message_id"])
    assert again["id"] != poison["id"]

    def complete(found: list[Span]) -> bool:  # each service exports by itself, up to a second later
        return sorted(span.kind for span in found) == ["consumer", "consumer", "producer"]

    # Its first span is a stranger's, and so is nowhere to be found.
    found = await senders.seen.trace(poison["trace_id"], complete, rooted=False)
    [sent] = [span for span in found if span.kind == "producer"]
    [second] = [span for span in found if span.parent_id == sent.span_id]
    [first] = [span for span in found if span not in (sent, second)]
    assert sent.parent_id == first.span_id
    assert second.links == (sent.span_id,)
    [request] = sent.links
    assert request not in {span.span_id for span in found}
    lines = await senders.seen.log_lines(poison["correlation_id"], "dead letter replayed")
    assert {line["trace_id"] for line in lines} == {poison["trace_id"]}


async def test_a_replay_cannot_settle_an_order_twice(senders: Senders) -> None:
    """The event of an order that is done changes nothing when it comes again: no email, no new status."""
    order_id = await senders.place()
    before = await senders.seen.status(order_id, "done")
    await senders.seen.emails(order_id)
    dead = {**GOOD_HEADERS, "x-dead-lettered-at": 1}
    correlation_id = await senders.send(f"{WORK}.dlq", created(order_id), dead)
    dead_letter = await senders.listed(correlation_id)
    await senders.api.post(f"{DEAD_LETTERS}/{dead_letter['id']}/replay", headers=OPERATOR)
    lines = await senders.seen.log_lines(correlation_id, "message processed")
    assert [line["outcome"] for line in lines if "outcome" in line] == ["duplicate"]
    assert await senders.seen.status(order_id, "done") == before
    assert len(await senders.seen.emails(order_id)) == 1


@pytest.mark.parametrize("change", [{"occurred_at": "yesterday"}, {"data": {}}], ids=["time", "no customer"])
async def test_an_unusable_message_fails_the_order_it_names(senders: Senders, change: dict[str, Any]) -> None:
    """An order whose message is poison does not stay pending for ever, nor does one without its customer."""
    order_id = await senders.place("tok_outage")
    await senders.seen.status(order_id, "processing")
    poison = {**created(order_id), **change}
    poison["data"] = poison["data"] or {"order_id": order_id}
    await senders.send(WORK, poison)
    assert (await senders.seen.status(order_id, "failed"))["reason"] == "schema_violation"


async def test_the_command_does_what_the_routes_do(
    senders: Senders, poison: dict[str, Any], layout: Layout
) -> None:
    """List, show, replay and discard, with clear errors for what is missing."""

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "stack", "dead-letters", "--run-dir", str(layout.run_dir), *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours

    assert f"{WORK}.dlq" in command("list").stdout
    assert poison["id"] in command("list", "worker", "--limit", "100").stdout
    assert json.loads(command("show", "worker", poison["id"], "--json").stdout)["body"] == "no JSON"
    assert "1 replayed" in command("replay", "worker", poison["id"]).stdout
    again = await senders.listed(poison["correlation_id"], replays=1)
    assert "1 discarded" in command("discard", "worker", again["id"]).stdout
    gone = await senders.api.delete(f"{DEAD_LETTERS}/{again['id']}", headers=OPERATOR)
    assert_problem(gone, 404)
    refused = command("discard", "worker")
    assert (refused.returncode, "either a dead letter's id or --all" in refused.stderr) == (1, True)
