"""The orders of the demonstration, and what becomes of them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import httpx2

from stack.demo.waiting import wait_for

SETTLED = ("done", "failed")
RUSH = 20


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
    """Wait until an order is settled, as it should be.

    Raises:
        RuntimeError: It ended otherwise.
        TimeoutError: It did not end.
    """

    def look() -> dict[str, object] | None:
        body: dict[str, object] = api.get(f"/v1/orders/{placed.id}/status").json()
        return body if body.get("status") in SETTLED else None

    body = wait_for(f"the end of order {placed.id} ({placed.story.title})", look)
    result = Settled(placed, str(body["status"]), str(body.get("reason") or ""), _seconds(body))
    if (result.status, result.reason) != (placed.story.expected, placed.story.reason):
        raise RuntimeError(f"{placed.story.title}: ended as {result.status} {result.reason}")
    return result


def _seconds(status: dict[str, object]) -> float:
    history = status["history"]
    times = [datetime.fromisoformat(change["at"]) for change in history] if isinstance(history, list) else []
    return (times[-1] - times[0]).total_seconds()
