"""Messages that no service can use: each belongs into the dead-letter queue, and must be found there."""

import json
from random import Random

import aio_pika
from aio_pika.abc import HeadersType

GOOD_HEADERS: HeadersType = {"x-attempt": 1, "x-first-published-at": 1_700_000_000_000}
UNKNOWN_ORDER = "00000000-0000-7000-8000-000000000000"
MARK = "chaos-poison"
"""The body of every poison message contains this."""


def poison(event_type: str, mark: str, rng: Random) -> aio_pika.Message:
    """Return a message of one of the kinds that belong into the dead-letter queue."""
    event = {
        "id": mark,
        "type": event_type,
        "occurred_at": "2026-01-01T00:00:00Z",
        "data": {"order_id": UNKNOWN_ORDER},
    }
    body, headers = rng.choice(
        [
            (f"this is no JSON: {mark}", GOOD_HEADERS),
            (json.dumps({**event, "type": "order.created.v99"}), GOOD_HEADERS),
            (json.dumps({**event, "data": [mark]}), GOOD_HEADERS),
            (json.dumps(event), GOOD_HEADERS),
            (json.dumps(event), {}),
            (json.dumps(event), {**GOOD_HEADERS, "x-attempt": -3}),
        ]
    )
    return aio_pika.Message(
        body.encode(),
        headers=headers,
        message_id=mark if headers else None,
        correlation_id=mark if headers else None,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
