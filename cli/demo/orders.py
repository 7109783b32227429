"""The orders of the demonstration, and what becomes of them."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import httpx2

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Story:
    """An order that shows something, and how it must end."""

    title: str
    sku: str
    quantity: int
    token: str
    status: str
    reason: str = ""


STORIES = (
    Story("a plain order", "espresso-beans", 2, "tok_visa", "done"),
    Story("payment provider away once, then back", "moka-pot", 1, "tok_flaky", "done"),
    Story("payment declined", "grinder", 1, "tok_declined", "failed", "payment_declined"),
    Story("more than there is in stock", "lever-machine", 99, "tok_visa", "failed", "out_of_stock"),
)


@dataclass(frozen=True, slots=True)
class Placed:
    """An accepted order."""

    story: Story
    id: str
    correlation_id: str


def place(api: httpx2.Client, story: Story) -> Placed:
    """Place an order under a correlation id of its own.

    Raises:
        RuntimeError: It was not accepted.
    """
    correlation_id = f"demo-{uuid4().hex[:8]}"
    order = {
        "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "items": [{"sku": story.sku, "quantity": story.quantity}],
        "payment": {"token": story.token},
    }
    response = api.post("/v1/orders", json=order, headers={"X-Correlation-ID": correlation_id})
    if response.status_code != httpx2.codes.ACCEPTED:
        raise RuntimeError(f"{story.title}: the api answered {response.status_code}: {response.text}")
    return Placed(story, response.json()["id"], correlation_id)


def settle(api: httpx2.Client, placed: Placed) -> float:
    """Follow an order's events until it is settled; return the seconds since its acceptance.

    Raises:
        RuntimeError: It did not end as it must.
        httpx2.TimeoutException: It did not end.
    """
    with api.stream("GET", f"/v1/orders/{placed.id}/events", timeout=TIMEOUT_SECONDS) as events:
        changes = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: ")]
    last, story = changes[-1] if changes else {}, placed.story
    if (last.get("status"), last.get("reason", "")) != (story.status, story.reason):
        raise RuntimeError(f"{story.title}: order {placed.id} ended as {last or 'nothing'}")
    first, end = (datetime.fromisoformat(change["at"]) for change in (changes[0], last))
    return (end - first).total_seconds()
