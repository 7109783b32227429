"""The bare reference of the api: validates, writes to Redis, publishes with confirm, answers 202.

What a careful programmer writes first: FastAPI's body parsing, one Redis write, aio-pika's robust connection
with publisher confirms, uvicorn with uvloop and httptools. No telemetry, not even an access log.
"""

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from redis.asyncio import Redis


class Customer(BaseModel):
    """Who ordered."""

    name: str = Field(min_length=1, max_length=100)
    email: str = Field(max_length=254)


class Item(BaseModel):
    """A product and how many of it."""

    sku: str = Field(max_length=40)
    quantity: int = Field(ge=1, le=100)


class Payment(BaseModel):
    """How it is to be paid."""

    token: str


class NewOrder(BaseModel):
    """An order to be placed."""

    customer: Customer
    items: list[Item]
    payment: Payment


class Accepted(BaseModel):
    """An order that was placed."""

    id: str
    status: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold the connections while the app runs."""
    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"])
    async with connection, Redis.from_url(os.environ["REDIS_URL"]) as redis:
        channel = await connection.channel()
        app.state.redis, app.state.exchange = redis, await channel.get_exchange("orders")
        yield


app = FastAPI(lifespan=lifespan, telemetry={"tracing": False, "metrics": False, "logs": False})


@app.post("/v1/orders", status_code=202)
async def place_order(new: NewOrder, request: Request) -> Accepted:
    """Accept an order."""
    order = {"order_id": str(uuid.uuid4()), **new.model_dump()}
    await request.app.state.redis.set(f"order:{order['order_id']}", json.dumps(order))
    message = aio_pika.Message(
        json.dumps({"id": str(uuid.uuid4()), "type": "order.created.v1", "data": order}).encode(),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await request.app.state.exchange.publish(message, routing_key="order.created.v1")
    return Accepted(id=str(order["order_id"]), status="pending")


if __name__ == "__main__":
    port = int(os.environ["HTTP_PORT"])
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning")
