"""The bare reference of the worker: sets two statuses, publishes the outcome with confirm, acknowledges.

What a careful programmer writes first: aio-pika's robust connection, a callback, a prefetch as large as the
worker's own. No telemetry, no log.
"""

import asyncio
import json
import os

import aio_pika
import uvloop
from aio_pika.abc import AbstractIncomingMessage
from redis.asyncio import Redis

PREFETCH = 50


async def main() -> None:
    """Work until the process is ended."""
    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"])
    async with connection, Redis.from_url(os.environ["REDIS_URL"]) as redis:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        exchange = await channel.get_exchange("orders")
        queue = await channel.get_queue("worker.order-created")

        async def on_message(message: AbstractIncomingMessage) -> None:
            async with message.process(requeue=True):
                order = json.loads(message.body)["data"]
                await redis.set(f"order:{order['order_id']}:status", "processing")
                await redis.set(f"order:{order['order_id']}:status", "done")
                outcome = {"order_id": order["order_id"], "customer": order["customer"]}
                await exchange.publish(
                    aio_pika.Message(
                        json.dumps(outcome).encode(),
                        content_type="application/json",
                        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                    ),
                    routing_key="order.done.v1",
                )

        await queue.consume(on_message)
        # Whoever started the worker waits until this port is open.
        port = int(os.environ["HTTP_PORT"])
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port) as probe:
            await probe.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
