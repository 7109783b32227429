"""The broker's side of a run: a virtual host a variant, its queues filled and emptied."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import httpx2
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange

from loadtests.bench.variants import Variant
from services.common.messaging.messages import Outgoing
from services.common.messaging.properties import event_properties
from services.common.messaging.publisher import publisher
from stack.errors import StackError
from stack.servers import rabbitmq, users

EXCHANGE = "orders"
WORK = "worker.order-created"
RESULTS = "bench.results"
"""Where ends what a service publishes."""
ROUTING_KEYS = {"api": ("order.created.v1",), "worker": ("order.done.v1", "order.failed.v1")}
BATCH = 100
TIMEOUT_SECONDS = 10.0


async def make_virtual_hosts(management: str, variants: Sequence[Variant]) -> None:
    """Give each variant a virtual host in which nobody else's messages are."""
    auth = (rabbitmq.ADMINISTRATOR, users.PASSWORD)
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    # A proxy that the environment names cannot reach this machine's ports.
    async with httpx2.AsyncClient(base_url=management, auth=auth, timeout=10, trust_env=False) as client:
        for variant in variants:
            for path, body in (
                (f"/api/vhosts/{variant.title}", {}),
                (f"/api/permissions/{variant.title}/{rabbitmq.ADMINISTRATOR}", everything),
            ):
                (await client.put(path, json=body)).raise_for_status()


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues of one variant, over one channel."""

    variant: Variant
    channel: AbstractChannel

    async def declare(self) -> None:
        """Declare what the services expect to find, and what the bare ones do not declare themselves."""
        exchange = await self.channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True)
        await self._queue(RESULTS, exchange, ROUTING_KEYS[self.variant.kind])
        if self.variant.kind == "worker" and not self.variant.ours:
            await self._queue(WORK, exchange, ROUTING_KEYS["api"])

    async def _queue(self, name: str, exchange: AbstractExchange, keys: Sequence[str]) -> None:
        queue = await self.channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
        for key in keys:
            await queue.bind(exchange, key)

    async def fill(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages with confirms.

        Raises:
            StackError: One was not confirmed.
        """
        channel = await self.channel.get_underlay_channel()
        publish = publisher(channel, EXCHANGE, partial(event_properties, app_id="bench"))
        for start in range(0, len(messages), BATCH):
            if any(errors := await publish(messages[start : start + BATCH])):
                raise StackError(f"the queue could not be filled: {next(filter(None, errors))!r}")

    async def results(self) -> int:
        """Return how many messages the variant has published since the last `empty`."""
        found = await self.channel.declare_queue(RESULTS, passive=True, timeout=TIMEOUT_SECONDS)
        return found.declaration_result.message_count or 0

    async def empty(self) -> None:
        """Throw the published messages away."""
        await (await self.channel.get_queue(RESULTS, ensure=False)).purge(timeout=TIMEOUT_SECONDS)
