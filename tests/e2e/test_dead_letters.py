"""An operator works through dead letters, over HTTP and by command; nothing is settled twice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import httpx2
import orjson
import pytest
from aio_pika.abc import AbstractChannel

from services.api.catalogue import CATALOGUE
from services.api.orders import created, price
from services.api.schemas import NewOrder
from services.common.ids import uuid7
from tests.e2e.seen import Seen, Span, spans
from tests.e2e.test_bad_input import assert_problem
from tests.e2e.test_bad_messages import GOOD_HEADERS
from tests.e2e.test_one_order import CONSUMER, PRODUCER
from tests.servers import eventually, publish

WORK, DEAD = "worker.order-created", "worker.order-created.dlq"
PATH = f"/v1/dead-letters/{DEAD}"
OPERATOR = {"Authorization": "Bearer orderscope"}


@pytest.fixture
async def poison(channel: AbstractChannel) -> str:
    """Put poison into the worker's queue, which becomes a dead letter, and return its correlation id."""
    correlation_id = f"e2e-letter-{uuid4()}"
    traced = {**GOOD_HEADERS, "traceparent": f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"}
    message = aio_pika.Message(
        b"no JSON", headers=traced, correlation_id=correlation_id, message_id=str(uuid4())
    )
    await publish(channel, WORK, message)
    return correlation_id


async def letter_of(api: httpx2.AsyncClient, correlation_id: str, replays: int = 0) -> dict[str, Any]:
    """Return the letter with a correlation id, as the list shows it, once it lies there."""

    async def look() -> dict[str, Any] | None:
        page = (await api.get(PATH, params={"limit": 100}, headers=OPERATOR)).json()
        found = [one for one in page.get("items", []) if one["correlation_id"] == correlation_id]
        return next((one for one in found if one["replays"] == replays), None)

    return await eventually(look)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic b3A6eA=="}]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/dead-letters"),
        ("GET", PATH),
        ("POST", f"{PATH}/replay"),
        ("DELETE", PATH),
        ("DELETE", f"{PATH}/{'0' * 32}"),
    ],
)
async def test_nobody_gets_in_without_the_token(
    api: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    """Looking, replaying and discarding are for operators."""
    refused = await api.request(method, path, headers=headers)
    assert_problem(refused, 401)
    assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/v1/dead-letters/orders", f"{PATH}/{'0' * 32}", "/v1/dead-letters/%00"])
async def test_what_is_not_there_is_not_found(api: httpx2.AsyncClient, path: str) -> None:
    """Queues that hold no dead letters cannot be looked into, and letters that are gone are named."""
    assert_problem(await api.get(path, headers=OPERATOR), 404)


async def test_a_letter_is_shown_with_its_contents(api: httpx2.AsyncClient, poison: str) -> None:
    """Reason, error, attempts, trace, headers and body, for the operator's eyes."""
    listed = await letter_of(api, poison)
    whole = (await api.get(f"{PATH}/{listed['id']}", headers=OPERATOR)).json()
    assert {name: whole[name] for name in listed} == listed
    assert (whole["reason"], whole["attempts"], whole["body"]) == ("malformed_json", 1, "no JSON")
    assert whole["headers"]["x-dead-lettered-from"] == WORK
    assert len(whole["trace_id"]) == 32


async def test_a_replay_is_seen_in_the_trace_of_the_message(
    api: httpx2.AsyncClient, seen: Seen, poison: str
) -> None:
    """The second attempt follows from the first, and the replay leads to the operator's request."""
    letter = await letter_of(api, poison)
    answer = await api.post(f"{PATH}/{letter['id']}/replay", headers=OPERATOR)
    assert (answer.status_code, answer.json()["handled"]) == (200, 1)
    again = await letter_of(api, poison, replays=1)
    assert (again["trace_id"], again["message_id"]) == (letter["trace_id"], letter["message_id"])
    assert again["id"] != letter["id"]

    def complete(there: list[Span]) -> bool:
        kinds = [span.kind for span in there]  # each service exports by itself, up to a second later
        return kinds.count(CONSUMER) == 2 and PRODUCER in kinds

    there = await spans_of(seen, letter["trace_id"], complete)
    [sent] = [span for span in there if span.kind == PRODUCER]
    first, second = (span for span in there if span.kind == CONSUMER)
    if second.parent_id != sent.span_id:
        first, second = second, first
    assert (sent.parent_id, second.parent_id) == (first.span_id, sent.span_id)
    assert second.links == (sent.span_id,)
    [request] = sent.links
    assert request not in {span.span_id for span in there}
    lines = await seen.log_lines(poison, lambda found: any("replayed" in line["event"] for line in found))
    assert {line["trace_id"] for line in lines} == {letter["trace_id"]}


async def spans_of(seen: Seen, trace_id: str, complete: Any) -> list[Span]:  # noqa: ANN401 - see Seen.trace
    """Return a trace whose first span is a stranger's, and so is nowhere to be found."""

    async def look() -> list[Span] | None:
        address = f"{seen.endpoints['traces']}/api/v3/traces/{trace_id}"
        found = await seen.client.get(address)
        there = spans(found.json()["result"]) if found.status_code == 200 else []
        return there if complete(there) else None

    return await eventually(look, seconds=15)


async def test_a_replay_cannot_settle_an_order_twice(
    api: httpx2.AsyncClient, channel: AbstractChannel, seen: Seen, order: dict[str, Any]
) -> None:
    """The event of an order that is done changes nothing when it comes again: no email, no new status."""
    placed = (await api.post("/v1/orders", json=order)).json()
    before = await seen.status(placed["id"], "done")
    await seen.emails(placed["id"])
    new = NewOrder.model_validate_json(json.dumps(order))
    event = created(price(new, CATALOGUE, placed["id"]), new, uuid7())
    correlation_id = f"e2e-again-{uuid4()}"
    message = aio_pika.Message(
        orjson.dumps(event),
        headers={**GOOD_HEADERS, "x-dead-lettered-at": 1},
        correlation_id=correlation_id,
        message_id=event.id,
    )
    await publish(channel, DEAD, message)
    letter = await letter_of(api, correlation_id)
    await api.post(f"{PATH}/{letter['id']}/replay", headers=OPERATOR)
    lines = await seen.log_lines(
        correlation_id, lambda found: any(line.get("outcome") == "duplicate" for line in found)
    )
    assert not any(line["event"] == "order settled" for line in lines)
    assert await seen.status(placed["id"], "done") == before
    assert len(await seen.emails(placed["id"])) == 1


async def test_a_discarded_letter_is_gone(api: httpx2.AsyncClient, poison: str) -> None:
    """Once; a second time there is nothing to discard."""
    letter = await letter_of(api, poison)
    discarded = await api.delete(f"{PATH}/{letter['id']}", headers=OPERATOR)
    assert discarded.json()["handled"] == 1
    assert_problem(await api.delete(f"{PATH}/{letter['id']}", headers=OPERATOR), 404)


async def test_the_command_does_what_the_routes_do(
    api: httpx2.AsyncClient, poison: str, run_dir: Path
) -> None:
    """List, show, replay and discard, with clear errors for what is missing."""
    letter = await letter_of(api, poison)

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "stack", "dead-letters", "--run-dir", str(run_dir), *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours

    assert DEAD in command("list").stdout
    assert letter["id"] in command("list", "worker", "--limit", "100").stdout
    assert json.loads(command("show", "worker", letter["id"], "--json").stdout)["body"] == "no JSON"
    assert "1 replayed" in command("replay", "worker", letter["id"]).stdout
    again = await letter_of(api, poison, replays=1)
    assert "1 discarded" in command("discard", "worker", again["id"]).stdout
    refused = command("discard", "worker")
    assert (refused.returncode, "either a dead letter's id or --all" in refused.stderr) == (1, True)
