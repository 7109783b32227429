"""The composition root: builds the worker from its parts, and takes it down in the reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from opentelemetry.trace import SpanKind
from redis.asyncio import Redis
from redis.exceptions import RedisError

from observability import Telemetry, TelemetrySettings, context_headers, setup
from observability.flags import FlagHook, scenario_requests
from services.common.goodbye import Goodbye
from services.common.lifecycle import Lifetime, freeze_startup_objects, until_signalled
from services.common.messaging.connection import BROKER_ERRORS, BrokerConnection
from services.common.messaging.consumer import Consumer, consuming
from services.common.messaging.messages import Process
from services.common.messaging.retries import DEAD_LETTER_REASONS, RETRY_REASONS, with_retries
from services.common.messaging.topology import Subscription, waiting_messages
from services.common.outbox.relay import Relay, relaying
from services.common.outbox.stream import Outbox, watch_outbox
from services.common.periodic import periodically
from services.common.probes import Ping, probe_server, watch_dependencies
from services.common.redis.client import (
    WRITABLE,
    blocking_client,
    pipeline_client,
    redis_client,
    retry_until_done,
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
        consumer = Consumer(connections.broker, ORDERS, parts.process, settings.prefetch)
        scenarios.applies(partial(_apply, scenarios, consumer, connections.broker, connections.outgoing))
        writable = partial(connections.redis.set, WRITABLE, 1, xx=True)
        pings = {"redis": Ping(writable), "rabbitmq": Ping(connections.broker.ping)}
        ready = {**pings, "consumer": Ping(consumer.ping)}
        memory = Memory(connections.redis, settings.retention_memory_share, telemetry.instruments())
        goodbye = Goodbye(lifetime, telemetry.instruments())
        await enter(probe_server(settings, lifetime, ready, map(goodbye.on, telemetry.routes())))
        stack.push_async_callback(goodbye.said)
        for name, work in {
            "dependency watch": watch_dependencies(pings, telemetry.instruments().dependency_gauge()),
            "outbox watch": watch_outbox(connections.outbox, telemetry.instruments().outbox_gauges()),
            "memory watch": memory.watch(parts.store.forget_oldest),
            "scenarios": scenarios.watch(connections.redis),
        }.items():
            await enter(lifetime.background(work, name))
        await enter(relaying(lifetime, parts.relay))
        await retry_until_done(partial(parts.store.stock_up, settings.stock), lifetime)
        sweeping = periodically(parts.sweeper.sweep, settings.sweep_seconds, name="sweep", errors=TRANSIENT)
        await enter(lifetime.background(sweeping, "sweeper"))
        await enter(consuming(lifetime, consumer, settings.shutdown_timeout_seconds))
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
    """A connection of its own: what goes wrong with a delivery must not hold up the relay."""


@asynccontextmanager
async def connect(settings: Settings, telemetry: Telemetry, lifetime: Lifetime) -> AsyncIterator[Connections]:
    """Keep the worker connected to Redis and RabbitMQ while the block runs."""
    broker, outgoing = (
        BrokerConnection(settings.amqp_url, f"{telemetry.instance} {purpose}")
        for purpose in ("consumer", "relay")
    )
    async with (
        redis_client(settings.redis_url) as redis,
        pipeline_client(settings.redis_url) as pipeline,
        blocking_client(settings.redis_url) as blocking,
        lifetime.background(broker.keep_connected(), "broker"),
        lifetime.background(outgoing.keep_connected(), "outgoing broker"),
    ):
        outbox = Outbox(blocking, "worker", context_headers)
        yield Connections(redis, AutoPipeline(pipeline), outbox, broker, outgoing)


def _apply(scenarios: Scenarios, consumer: Consumer, *brokers: BrokerConnection) -> None:
    """Apply the scenarios that need no message to take effect."""
    consumer.pause(paused=scenarios.everywhere(CONSUMER_STOPPED))
    for broker in brokers:
        broker.simulate_outage(active=scenarios.everywhere(BROKER_DOWN))


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
    scripts = telemetry.traced_scripts(load_scripts(connections.pipeline, LUA, once={"sweep"}), SPANS)
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
    relay = Relay(outbox, connections.outgoing, "worker", telemetry.instance, telemetry.publisher())
    return Parts(store, processing(telemetry, ports), sweeper, relay)


def processing(telemetry: Telemetry, ports: Ports) -> Process:
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
        outcomes=("done", "failed", "duplicate"),
        retries=(*RETRY_REASONS, "payment_unavailable"),
        dead_letters=(*DEAD_LETTER_REASONS, "unknown_order", "damaged_order"),
    )
