"""A consumer without a broker: it waits, and can be stopped."""

import asyncio

from services.common.messaging.connection import Broker
from services.common.messaging.consumer import Consumer
from services.common.messaging.messages import Delivery, Settlement
from services.common.messaging.topology import Subscription


async def test_stopping_does_not_wait_for_a_broker_that_is_away() -> None:
    """There is nothing to finish, and nobody to tell."""

    async def process(_: Delivery) -> Settlement:
        return Settlement("ack", "done")

    consumer = Consumer(Broker("amqp://nobody", "test"), Subscription("q", ["k"]), process, prefetch=1)
    running = asyncio.create_task(consumer.run())
    await asyncio.sleep(0.01)
    assert not running.done()
    consumer.stop()
    await asyncio.wait_for(running, 1)
