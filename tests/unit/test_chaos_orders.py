"""The orders of a run, and the poison among their messages."""

from collections.abc import Callable

import aio_pika
import pytest

from resilience.chaos.amqp import WORK_QUEUES
from resilience.chaos.orders import SCARCE, STOCK, draw
from resilience.chaos.plan import chance
from resilience.chaos.poison import poison
from services.api.catalogue import CATALOGUE
from services.api.schemas import NewOrder
from services.common.messaging.messages import Delivery
from services.common.messaging.retries import UnusableMessageError, check_headers, parse_body
from services.notifier.messages import OrderOutcome
from services.worker.messages import OrderCreated

PARSERS: dict[str, Callable[[bytes], object]] = {
    "worker.order-created": OrderCreated.model_validate_json,
    "notifier.order-outcome": OrderOutcome.model_validate_json,
}


def take(message: aio_pika.Message, queue: str) -> object:
    """Take a message as the consumer of a queue does."""
    properties = (message.message_id, message.correlation_id, dict(message.headers))
    delivery = Delivery(queue, "", queue, message.body, *properties, redelivered=False)
    check_headers(delivery)
    return parse_body(PARSERS[queue], delivery.body)


def test_the_api_takes_every_order() -> None:
    """Whatever is drawn is a valid order of products that there are."""
    for order in draw(1, 500):
        taken = NewOrder.model_validate(order.body)
        assert all(item.sku in CATALOGUE for item in taken.items)
        assert taken.customer.email.partition("@")[0] == order.key
    assert set(STOCK) == set(CATALOGUE)


def test_the_mix_meets_every_end() -> None:
    """Declines, outages, and more of the scarce product than there is; outages in the first half only.

    A seed gives the same orders again, each with a key of its own.
    """
    orders = draw(2, 2000)
    assert orders == draw(2, 2000) != draw(3, 2000)
    assert len({order.key for order in orders}) == 2000
    tokens = [order.body["payment"]["token"] for order in orders]
    assert {"tok_visa", "tok_flaky", "tok_declined", "tok_outage"} < set(tokens)
    assert len(set(tokens)) > 100
    assert "tok_outage" not in tokens[1000:]
    wanted = [item["quantity"] for o in orders for item in o.body["items"] if item["sku"] == SCARCE]
    assert sum(wanted) > STOCK[SCARCE]


@pytest.mark.parametrize("queue", WORK_QUEUES)
def test_no_service_takes_poison(queue: str) -> None:
    """Each kind is refused by the consumer of its queue, and each carries its mark in the body."""
    reasons = set()
    for n in range(100):
        mark = f"chaos-poison-{n}"
        message = poison(WORK_QUEUES[queue], mark, chance(n, "poison"))
        assert mark in message.body.decode()
        with pytest.raises(UnusableMessageError) as refused:
            take(message, queue)
        reasons.add(refused.value.reason)
    assert reasons == {"malformed_json", "unknown_type", "schema_violation", "invalid_headers"}
