"""One order, from the client's request to the customer's inbox, and everything that can be seen of it."""

import itertools
from dataclasses import dataclass
from typing import Any, Protocol

import aio_pika
import httpx2
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from tests.e2e.seen import Seen, Span
from tests.running import Endpoints
from tests.servers import eventually

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Followed:
    """An order and what was seen of it."""

    id: str
    correlation_id: str
    spans: list[Span]
    lines: list[dict[str, Any]]

    def span(self, name: str, number: int = 0) -> Span:
        """Return the n-th span of a name."""
        return [span for span in self.spans if span.name == name][number]


class Follow(Protocol):
    """Places an order and collects what can be seen of it."""

    async def __call__(self, token: str, correlation_id: str) -> Followed:
        """Return the order with its whole trace and all its log lines."""


@pytest.fixture(scope="module", autouse=True)
async def doomed(stack: Endpoints) -> str:
    """Place an order that no payment gets through for; its retries go on beside the other tests."""
    body = {
        "customer": {"name": "Ada", "email": "ada@example.com"},
        "items": [{"sku": "moka-pot", "quantity": 1}],
        "payment": {"token": "tok_outage"},
    }
    async with httpx2.AsyncClient(base_url=stack["api"], timeout=10) as client:
        answer = await client.post("/v1/orders", json=body, headers={"X-Correlation-ID": "e2e-dead"})
    return str(answer.json()["id"])


@pytest.fixture
def follow(api: httpx2.AsyncClient, seen: Seen, order: dict[str, Any]) -> Follow:
    """Return a function that follows an order until its customer was told."""

    async def run(token: str, correlation_id: str) -> Followed:
        body = {**order, "payment": {"token": token}}
        response = await api.post("/v1/orders", json=body, headers={"X-Correlation-ID": correlation_id})
        assert response.status_code == 202, response.text
        assert response.headers["X-Correlation-ID"] == correlation_id
        lines = await seen.log_lines(correlation_id, lambda found: has(found, "email sent"))
        spans = await seen.trace(
            lines[0]["trace_id"], lambda found: any(s.name == "send email" for s in found)
        )
        return Followed(response.json()["id"], correlation_id, spans, lines)

    return run


def has(lines: list[dict[str, Any]], event: str) -> bool:
    """Whether one of the lines tells of an event."""
    return any(line["event"] == event for line in lines)


async def test_the_straight_path_is_one_trace_through_three_services(follow: Follow) -> None:
    """Names, kinds, parents and links are those of the design's picture."""
    followed = await follow("tok_visa", "e2e-straight")
    tree = {(s.service, s.name, s.kind, parent_name(s, followed.spans)) for s in followed.spans}
    created, done = "publish orders:order.created.v1", "publish orders:order.done.v1"
    work, tell = "process worker.order-created", "process notifier.order-outcome"
    assert tree == {
        ("api", "POST /v1/orders", SERVER, None),
        ("api", "redis: accept", CLIENT, "POST /v1/orders"),
        ("api", created, PRODUCER, "POST /v1/orders"),
        ("worker", work, CONSUMER, created),
        ("worker", "reserve stock", CLIENT, work),
        ("worker", "charge payment", CLIENT, work),
        ("worker", "redis: settle", CLIENT, work),
        ("worker", done, PRODUCER, work),
        ("notifier", tell, CONSUMER, done),
        ("notifier", "send email", CLIENT, tell),
    }
    assert followed.span(work).links == (followed.span(created).span_id,)
    assert followed.span(tell).links == (followed.span(done).span_id,)
    assert not any(span.failed for span in followed.spans)


async def test_spans_carry_todays_semantic_conventions(follow: Follow) -> None:
    """HTTP, messaging and database attributes have their current names and right values."""
    followed = await follow("tok_visa", "e2e-semconv")
    server = followed.span("POST /v1/orders").attributes
    assert server["http.request.method"] == "POST"
    assert server["http.route"] == "/v1/orders"
    assert server["http.response.status_code"] == "202"
    assert server["url.path"] == "/v1/orders"
    assert server["correlation_id"] == "e2e-semconv"
    sent = followed.span("publish orders:order.created.v1").attributes
    assert sent["messaging.system"] == "rabbitmq"
    assert sent["messaging.operation.type"] == "send"
    assert sent["messaging.destination.name"] == "orders:order.created.v1"
    assert sent["messaging.message.conversation_id"] == "e2e-semconv"
    processed = followed.span("process worker.order-created").attributes
    assert processed["messaging.operation.type"] == "process"
    assert processed["messaging.destination.name"] == "orders:order.created.v1:worker.order-created"
    assert processed["messaging.message.id"] == sent["messaging.message.id"]
    assert processed["correlation_id"] == "e2e-semconv"
    assert followed.span("redis: accept").attributes["db.system.name"] == "redis"


async def test_every_log_line_has_the_same_correlation_id_and_trace_id(follow: Follow) -> None:
    """In all three services, and none of them names the customer."""
    followed = await follow("tok_visa", "e2e-logs")
    lines = followed.lines
    assert {line["service"] for line in lines} == {"api", "worker", "notifier"}
    assert {line["correlation_id"] for line in lines} == {"e2e-logs"}
    assert len({line["trace_id"] for line in lines}) == 1
    assert all(
        {"timestamp", "level", "event", "version", "environment", "span_id"} <= set(line) for line in lines
    )
    assert "ada@example.com" not in str(lines)
    events = [line["event"] for line in lines]
    assert events.index("order accepted") < events.index("order settled") < events.index("email sent")


async def test_a_retry_is_another_span_in_the_same_trace(follow: Follow, seen: Seen) -> None:
    """The second attempt follows the first, links to it, and carries its number."""
    followed = await follow("tok_flaky", "e2e-retry")
    work = "process worker.order-created"
    attempts = {s.attributes["orderscope.delivery.attempt"]: s for s in followed.spans if s.name == work}
    assert set(attempts) == {"1", "2"}
    assert attempts["1"].failed
    assert not attempts["2"].failed
    assert attempts["2"].links == (attempts["1"].span_id,)
    assert attempts["1"].attributes["error.type"] == "payment_unavailable"
    assert {line["trace_id"] for line in followed.lines} == {followed.lines[0]["trace_id"]}
    retried = [line for line in followed.lines if line["event"] == "message will be retried"]
    assert retried[0]["correlation_id"] == "e2e-retry"
    assert (await seen.status(followed.id, "done"))["status"] == "done"


async def test_a_declined_payment_fails_the_order_and_says_so(follow: Follow, seen: Seen) -> None:
    """A decline is final: no retry, the reason in the status, an email to the customer."""
    followed = await follow("tok_declined", "e2e-declined")
    status = await seen.status(followed.id, "failed")
    assert status["reason"] == "payment_declined"
    assert [change["status"] for change in status["history"]] == ["pending", "processing", "failed"]
    assert len([s for s in followed.spans if s.name == "process worker.order-created"]) == 1
    [email] = await seen.emails(followed.id)
    assert "declined" in email["Text"]
    assert "declined" in email["HTML"]


async def test_the_message_carries_the_clients_correlation_id_and_the_trace(
    api: httpx2.AsyncClient, order: dict[str, Any], channel: AbstractChannel
) -> None:
    """The AMQP properties and headers are those of the contract."""
    queue = await channel.declare_queue("", exclusive=True, durable=False)
    await queue.bind("orders", "order.#")
    client = {
        "X-Request-ID": "e2e-amqp",
        "traceparent": "00-11111111111111112222222222222222-3333333333333333-01",
    }
    response = await api.post("/v1/orders", json=order, headers=client)
    order_id = response.json()["id"]

    async def events() -> list[AbstractIncomingMessage] | None:
        found.extend([m async for m in taken(queue) if order_id.encode() in m.body])
        return found if len(found) == 2 else None

    found: list[AbstractIncomingMessage] = []
    for message in await eventually(events):
        assert message.correlation_id == "e2e-amqp"
        assert message.message_id
        assert message.type == message.routing_key
        assert message.content_type == "application/json"
        assert message.timestamp is not None
        assert str(message.headers["traceparent"]).startswith("00-11111111111111112222222222222222-")
        assert message.headers["x-attempt"] == 1
    assert [m.app_id for m in found] == ["api", "worker"]


@pytest.mark.timeout(120)
async def test_an_outage_ends_in_the_dead_letter_queue_in_the_same_trace(
    doomed: str, seen: Seen, channel: AbstractChannel
) -> None:
    """After retries of 1, 5 and 30 s the message is set aside, the order failed, the trace still one."""
    status = await seen.status(doomed, "failed", seconds=60)
    assert status["reason"] == "retries_exhausted"
    letter = await dead_letter(channel, "worker.order-created.dlq", "e2e-dead")
    assert letter.headers["x-dead-letter-reason"] == "retries_exhausted"
    assert "PaymentUnavailableError" in str(letter.headers["x-dead-letter-error"])
    assert letter.headers["x-attempt"] == 4
    trace_id = str(letter.headers["traceparent"]).split("-")[1]
    work = "process worker.order-created"
    spans = await seen.trace(trace_id, lambda found: sum(s.name == work for s in found) == 4)
    attempts = sorted(
        (s for s in spans if s.name == work), key=lambda s: s.attributes["orderscope.delivery.attempt"]
    )
    for before, after in itertools.pairwise(attempts):
        assert after.links == (before.span_id,)
    lines = await seen.log_lines("e2e-dead", lambda found: has(found, "message dead-lettered"))
    assert {line["trace_id"] for line in lines} == {trace_id}
    assert len(await seen.emails(doomed)) == 1


async def taken(queue: aio_pika.abc.AbstractQueue) -> Any:  # noqa: ANN401 - an async generator of messages
    """Take all messages that are in a queue now."""
    while (message := await queue.get(no_ack=True, fail=False)) is not None:
        yield message


async def dead_letter(channel: AbstractChannel, queue: str, correlation_id: str) -> AbstractIncomingMessage:
    """Take the dead letter of a correlation id out of a queue."""
    dead = await channel.get_queue(queue, ensure=False)

    async def look() -> AbstractIncomingMessage | None:
        letters = [letter async for letter in taken(dead)]
        return next((letter for letter in letters if letter.correlation_id == correlation_id), None)

    return await eventually(look)


def parent_name(span: Span, spans: list[Span]) -> str | None:
    """Return the name of a span's parent, None for a root."""
    return next((other.name for other in spans if other.span_id == span.parent_id), None)
