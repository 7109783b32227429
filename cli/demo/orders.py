"""The orders of the demonstration, and what becomes of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import httpx2

SETTLED = ("done", "failed")
RUSH = 20
TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Story:
    """An order that shows something."""

    title: str
    sku: str
    quantity: int
    token: str
    expected: str
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


@dataclass(frozen=True, slots=True)
class Settled:
    """An order at its end."""

    placed: Placed
    status: str
    reason: str
    seconds: float
    """From acceptance to the last status."""


def place(api: httpx2.Client, story: Story) -> Placed:
    """Place an order under a correlation id of its own."""
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


def settled(api: httpx2.Client, placed: Placed) -> Settled:
    """Follow an order's events until it is settled, as it should be.

    Raises:
        RuntimeError: It ended otherwise.
        TimeoutError, httpx2.TimeoutException: It did not end.
    """
    with api.stream("GET", f"/v1/orders/{placed.id}/events", timeout=TIMEOUT_SECONDS) as events:
        changes = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: ")]
    if not changes or changes[-1]["status"] not in SETTLED:
        raise TimeoutError(f"order {placed.id} ({placed.story.title}) was not settled")
    result = Settled(placed, changes[-1]["status"], changes[-1].get("reason", ""), _seconds(changes))
    if (result.status, result.reason) != (placed.story.expected, placed.story.reason):
        raise RuntimeError(f"{placed.story.title}: ended as {result.status} {result.reason}")
    return result


def _seconds(changes: Sequence[dict[str, str]]) -> float:
    first, last = (datetime.fromisoformat(change["at"]) for change in (changes[0], changes[-1]))
    return (last - first).total_seconds()
