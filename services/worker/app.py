"""The composition root: builds the worker from its parts, and takes it down in the reverse order."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from opentelemetry.trace import SpanKind
from redis.asyncio import Redis
from redis.exceptions import RedisError

from observability import Telemetry, TelemetrySettings, context_headers, note_wait, setup
from services.common.flags import FlagHook, scenario_requests
from services.common.goodbye import Goodbye
from services.common.instruments import blocked_gauge, dependency_gauge, event_loop_lag, outbox_gauges
from services.common.lifecycle import Lifetime, freeze_startup_objects, until_signalled
from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection
from services.common.messaging.consumer import Consumer, consuming
from services.common.messaging.messages import Process
from services.common.messaging.retries import DEAD_LETTER_REASONS, RETRY_REASONS, with_retries
from services.common.messaging.topology import Subscription, waiting_messages
from services.common.outbox.relay import Relay, relaying
from services.common.outbox.stream import Outbox, watch_outbox
from services.common.periodic import periodically, watch_event_loop
from services.common.probes import Ping, probe_server, watch_dependencies
from services.common.redis.client import (
    blocking_client,
    pipeline_client,
    redis_client,
    redis_command,
    retry_until_done,
    try_to_write,
)
from services.common.redis.memory import Memory
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts
from services.common.scenarios import Scenarios
from services.worker.faults import BROKER_DOWN, CONSUMER_STOPPED, outages, slow_or_hanging
from services.worker.handlers import (
    DamagedOrderError,
    PaymentProvider,
    Ports,
    UnknownOrderError,
    fail_unusable,
    fulfil,
)
from services.worker.messages import ORDER_CREATED, OrderCreated
from services.worker.metrics import count_swept, measure_charges, measure_settled
from services.worker.payments import SimulatedPayments
from services.worker.settings import Settings
from services.worker.store import OrderStore
from services.worker.sweeper import Sweeper

LUA = Path(__file__).parent / "lua"
SPANS = {"reserve": "reserve stock", "settle": "redis: settle", "sweep": "redis: sweep"}
TRANSIENT = (*BROKER_ERRORS, RedisError)
ORDERS = Subscription("worker.order-created", [ORDER_CREATED])


async def run(settings: Settings, telemetry_settings: TelemetrySettings) -> None:
    """Work until SIGTERM, then finish what is in progress and publish what is in the outbox."""
    lifetime = until_signalled()
    telemetry = setup("worker", telemetry_settings, settings.service_version, settings.environment)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(telemetry.running())
        connections = await enter(connect(settings, telemetry, lifetime))
        scenarios = Scenarios(scenario_requests(settings.environment), [FlagHook()])
        parts = build(settings, telemetry, connections, scenarios)
        broker, outgoing = connections.broker, connections.outgoing
        consumer = Consumer(broker, outgoing, ORDERS, parts.process, settings.prefetch)
        outgoing.show_blocked = blocked_gauge(telemetry.instruments())
        scenarios.applies(partial(_apply, scenarios, consumer, broker, outgoing))
        pings = {
            "redis": Ping(partial(try_to_write, connections.redis)),
            "rabbitmq": Ping(broker.ping),
        }
        ready = {**pings, "consumer": Ping(consumer.ping)}
        memory = Memory(connections.redis, settings.retention_memory_share, telemetry.instruments())
        goodbye = Goodbye(lifetime, telemetry.instruments())
        await enter(probe_server(settings, lifetime, ready, map(goodbye.on, telemetry.routes())))
        stack.push_async_callback(goodbye.said)
        for name, work in {
            "dependency watch": watch_dependencies(pings, dependency_gauge(telemetry.instruments())),
            "outbox watch": watch_outbox(connections.outbox, outbox_gauges(telemetry.instruments())),
            "memory watch": memory.watch(parts.store.forget_oldest),
            "scenarios": scenarios.watch(connections.redis),
            "event loop watch": watch_event_loop(event_loop_lag(telemetry.instruments())),
        }.items():
            await enter(lifetime.background(work, name))
        await enter(relaying(lifetime, parts.relay))
        await retry_until_done(partial(parts.store.stock_up, settings.stock), lifetime)
        await enter(consuming(lifetime, consumer, settings.shutdown_timeout_seconds))
        await enter(lifetime.background(sweeping(parts.sweeper, consumer, settings.sweep_seconds), "sweeper"))
        freeze_startup_objects()
        await lifetime.wait()


@dataclass(frozen=True, slots=True)
class Connections:
    """What the worker is connected to."""

    redis: Redis
    pipeline: AutoPipeline
    outbox: Outbox
    broker: BrokerConnection
    outgoing: BrokerConnection
    """For all that is published: see `BrokerConnection.writable`."""


@asynccontextmanager
async def connect(settings: Settings, telemetry: Telemetry, lifetime: Lifetime) -> AsyncIterator[Connections]:
    """Keep the worker connected to Redis and RabbitMQ while the block runs."""
    broker, outgoing = (
        BrokerConnection(settings.amqp_url, f"{telemetry.instance} {purpose}")
        for purpose in ("consumer", "publisher")
    )
    async with (
        redis_client(settings.redis_url) as redis,
        pipeline_client(settings.redis_url) as pipeline,
        blocking_client(settings.redis_url) as blocking,
        lifetime.background(broker.keep_connected(), "broker"),
        lifetime.background(outgoing.keep_connected(), "outgoing broker"),
    ):
        outbox = Outbox(blocking, "worker", context_headers)
        yield Connections(redis, AutoPipeline(pipeline, note_wait=note_wait), outbox, broker, outgoing)


def _apply(scenarios: Scenarios, consumer: Consumer, *brokers: BrokerConnection) -> None:
    """Apply the scenarios that need no message to take effect."""
    consumer.pause(paused=scenarios.everywhere(CONSUMER_STOPPED))
    for broker in brokers:
        broker.simulate_outage(active=scenarios.everywhere(BROKER_DOWN))


async def sweeping(sweeper: Sweeper, consumer: Consumer, seconds: float) -> None:
    """Sweep every so often, from then on that there is the queue whose length the sweeper asks for."""
    await consumer.declared.wait()
    await periodically(sweeper.sweep, seconds, name="sweep", errors=TRANSIENT)


async def _backlog(broker: BrokerConnection) -> int:
    async with broker.channel() as channel:
        return await waiting_messages(channel, ORDERS.queue)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the worker does: stocks up, processes deliveries, sweeps, publishes events."""

    store: OrderStore
    process: Process
    sweeper: Sweeper
    relay: Relay


def build(settings: Settings, telemetry: Telemetry, connections: Connections, scenarios: Scenarios) -> Parts:
    """Return the worker's parts; opens no connection."""
    instruments, outbox = telemetry.instruments(), connections.outbox
    evalsha = redis_command("EVALSHA", settings.redis_url)
    scripts = telemetry.traced_scripts(
        load_scripts(connections.pipeline, LUA, once={"sweep"}), SPANS, evalsha
    )
    lifetimes = settings.retention_seconds, settings.stuck_after_seconds
    store = OrderStore(connections.redis, scripts, outbox, *lifetimes)
    provider: PaymentProvider = SimulatedPayments(scripts, settings, outages(scenarios.on))
    charge = measure_charges(instruments, slow_or_hanging(provider.charge, scenarios.on))
    ports = Ports(
        reserve=store.reserve,
        charge=telemetry.traced("charge payment", SpanKind.CLIENT)(charge),
        void_payment=telemetry.traced("void payment", SpanKind.CLIENT)(provider.void),
        settle=measure_settled(instruments, store.settle),
    )
    backlog, count = partial(_backlog, connections.outgoing), count_swept(instruments)
    sweeper = Sweeper(store, ports, backlog, telemetry.continued, count)
    observe = partial(telemetry.publisher(), server=connections.outgoing.server)
    relay = Relay(outbox, connections.outgoing, "worker", telemetry.instance, observe)
    return Parts(store, processing(telemetry, ports, connections.broker.server), sweeper, relay)


def processing(telemetry: Telemetry, ports: Ports, server: Mapping[str, str | int]) -> Process:
    """Return the processing of a delivery: the use case, retries, telemetry."""
    process = with_retries(
        OrderCreated.model_validate_json,
        partial(fulfil, ports=ports),
        on_dead_letter=partial(fail_unusable, ports=ports),
        non_retryable=(UnknownOrderError, DamagedOrderError),
    )
    return telemetry.consumer(
        process,
        ORDERS.queue,
        routing_keys=ORDERS.routing_keys,
        server=server,
        outcomes=("done", "failed", "duplicate"),
        retries=(*RETRY_REASONS, "payment_unavailable"),
        dead_letters=(*DEAD_LETTER_REASONS, "unknown_order", "damaged_order"),
    )
