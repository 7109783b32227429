"""One order, from the client's request to the customer's inbox, and everything that can be seen of it."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import httpx2
import pytest

from stack import programs
from stack.layout import Layout
from tests.e2e.seen import Line
from tests.e2e.senders import CUSTOMER, OUTCOMES, WORK, Senders, order_of
from tests.running import Endpoints
from tests.servers import eventually
from tests.telemetry.spans import Span
from tests.unit.otlp_collector import Collector

PROCESS, NOTIFY = f"process {WORK}", f"process {OUTCOMES}"
CREATED, DONE = "publish orders:order.created.v1", "publish orders:order.done.v1"


@dataclass(frozen=True, slots=True)
class Followed:
    """An order and what was seen of it."""

    id: str
    spans: list[Span]
    lines: list[Line]

    def span(self, name: str) -> Span:
        """Return the only span of a name."""
        [found] = [span for span in self.spans if span.name == name]
        return found

    def parent(self, span: Span) -> str | None:
        """Return the name of a span's parent, None for a root."""
        return next((other.name for other in self.spans if other.span_id == span.parent_id), None)


async def follow(senders: Senders, token: str) -> Followed:
    """Place an order and follow it until its email is sent; its correlation id names its token."""
    order_id = await senders.place(token, headers={"X-Correlation-ID": f"one-{token}"})
    lines = await senders.seen.log_lines(f"one-{token}", "email sent")
    spans = await senders.seen.trace(
        lines[0]["trace_id"], lambda found: any(span.name == "send email" for span in found)
    )
    return Followed(order_id, spans, lines)


@pytest.fixture(scope="module", autouse=True)
async def unpaid(stack: Endpoints) -> str:
    """Place an order whose payment always fails; its retries go on beside the other tests."""
    async with httpx2.AsyncClient(base_url=stack["api"], timeout=10) as client:
        headers = {"X-Correlation-ID": "e2e-unpaid"}
        return str(
            (await client.post("/v1/orders", json=order_of("tok_outage"), headers=headers)).json()["id"]
        )


@pytest.fixture(scope="module")
async def straight(stack: Endpoints, layout: Layout) -> Followed:
    """Return an order that nothing went wrong with."""
    async with Senders.open(stack, layout) as senders:
        return await follow(senders, "tok_straight")


async def test_an_order_is_one_trace_through_three_services(straight: Followed) -> None:
    """Names, kinds, parents and links are those of the design's picture, and so are ids."""
    tree = {(span.service, span.name, span.kind, straight.parent(span)) for span in straight.spans}
    assert tree == {
        ("api", "POST /v1/orders", "server", None),
        ("api", "redis: rate limit", "client", "POST /v1/orders"),
        ("api", "redis: accept", "client", "POST /v1/orders"),
        ("api", CREATED, "producer", "POST /v1/orders"),
        ("worker", PROCESS, "consumer", CREATED),
        ("worker", "reserve stock", "client", PROCESS),
        ("worker", "charge payment", "client", PROCESS),
        ("worker", "redis: settle", "client", PROCESS),
        ("worker", DONE, "producer", PROCESS),
        ("notifier", NOTIFY, "consumer", DONE),
        ("notifier", "redis: claim notification", "client", NOTIFY),
        ("notifier", "send email", "client", NOTIFY),
        ("notifier", "redis: mark as sent", "client", NOTIFY),
    }
    assert len(straight.spans) == len(tree)
    assert not any(span.failed for span in straight.spans)
    for sent, received in ((CREATED, PROCESS), (DONE, NOTIFY)):
        producer, consumer = straight.span(sent), straight.span(received)
        assert consumer.links == (producer.span_id,)
        assert consumer.attributes["messaging.message.id"] == producer.attributes["messaging.message.id"]
    for entry in ("POST /v1/orders", PROCESS, NOTIFY):
        assert straight.span(entry).attributes["correlation_id"] == "one-tok_straight"


async def test_every_log_line_leads_to_the_trace(straight: Followed) -> None:
    """In all three services, by one correlation id and one trace id, and none names the customer."""
    lines = straight.lines
    assert {line["service"] for line in lines} == {"api", "worker", "notifier"}
    assert {line["correlation_id"] for line in lines} == {"one-tok_straight"}
    assert {line["trace_id"] for line in lines} == {span.trace_id for span in straight.spans}
    assert CUSTOMER["email"] not in str(lines)
    events = [line["event"] for line in lines]
    assert events.index("order accepted") < events.index("order settled") < events.index("email sent")


@pytest.mark.skipif(programs.on_path("loki") is not None, reason="lines go to the Loki that is installed")
async def test_its_log_lines_are_exported(straight: Followed, log_store: Collector) -> None:
    """What each line says of service, event, trace, span and time is the same in the store."""
    written = {(x["service"], x["event"], x["trace_id"], x["span_id"], since(x)) for x in straight.lines}
    await eventually(lambda: written <= set(stored(log_store, "one-tok_straight")))


def since(line: Line) -> int:
    """Return the microseconds from 1970 to a line."""
    return round(datetime.fromisoformat(line["timestamp"]).timestamp() * 1_000_000)


def stored(store: Collector, correlation_id: str) -> Iterator[tuple[str, str, str, str, int]]:
    """Yield the lines of a correlation id that have arrived, in the form that they are written in."""
    for group in [group for request in store.received for group in request.logs.resource_logs]:
        resource = {one.key: one.value.string_value for one in group.resource.attributes}
        for record in group.scope_logs[0].log_records:
            fields = {one.key: one.value.string_value for one in record.attributes}
            if fields.get("correlation_id") == correlation_id:
                ids = record.trace_id.hex(), record.span_id.hex()
                when = record.time_unix_nano // 1000
                yield resource["service.name"], record.body.string_value, *ids, when


async def test_a_retry_is_another_span_in_the_same_trace(senders: Senders) -> None:
    """The second attempt follows the first, links to it, and carries its number."""
    followed = await follow(senders, "tok_flaky")
    first, second = attempts(followed.spans)
    assert (first.failed, second.failed) == (True, False)
    assert second.links == (first.span_id,)
    assert first.attributes["error.type"] == "payment_unavailable"
    assert {line["trace_id"] for line in followed.lines} == {followed.lines[0]["trace_id"]}
    assert "message will be retried" in {line["event"] for line in followed.lines}
    assert (await senders.seen.status(followed.id, "done"))["status"] == "done"


def attempts(spans: list[Span]) -> list[Span]:
    """Return the worker's attempts at an order, which are numbered from 1."""
    number = "orderscope.delivery.attempt"
    found = sorted((s for s in spans if s.name == PROCESS), key=lambda span: int(span.attributes[number]))
    assert [span.attributes[number] for span in found] == list(range(1, len(found) + 1))
    return found


async def test_a_declined_payment_fails_the_order_and_says_so(senders: Senders) -> None:
    """A decline is final: no retry, the reason in the status, an email to the customer."""
    followed = await follow(senders, "tok_declined")
    status = await senders.seen.status(followed.id, "failed")
    assert status["reason"] == "payment_declined"
    assert [change["status"] for change in status["history"]] == ["pending", "processing", "failed"]
    assert followed.span(PROCESS)
    [email] = await senders.seen.emails(followed.id)
    assert "declined" in email["Text"]
    assert "declined" in email["HTML"]


@pytest.mark.timeout(120)
async def test_an_outage_ends_in_the_dead_letter_queue_in_the_same_trace(
    unpaid: str, senders: Senders
) -> None:
    """After retries of 1, 5 and 30 s the message is dead-lettered, the order failed, the trace still one."""
    status = await senders.seen.status(unpaid, "failed", seconds=60)
    assert status["reason"] == "retries_exhausted"
    dead_letter = await senders.dead_letter(WORK, "e2e-unpaid")
    assert dead_letter.headers["x-dead-letter-reason"] == "retries_exhausted"
    assert "PaymentUnavailableError" in str(dead_letter.headers["x-dead-letter-error"])
    assert dead_letter.headers["x-attempt"] == 4
    trace_id = str(dead_letter.headers["traceparent"]).split("-")[1]
    spans = await senders.seen.trace(trace_id, lambda found: len(attempts(found)) == 4)
    for before, after in itertools.pairwise(attempts(spans)):
        assert after.links == (before.span_id,)
    lines = await senders.seen.log_lines("e2e-unpaid", "message dead-lettered")
    assert {line["trace_id"] for line in lines} == {trace_id}
    assert len(await senders.seen.emails(unpaid)) == 1
