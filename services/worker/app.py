"""The composition root: builds the worker from its parts, and takes it down in the reverse order."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from opentelemetry.trace import SpanKind
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.applications import Starlette

from observability import Telemetry, TelemetrySettings, context_headers, setup
from observability.flags import FlagHook, scenario_requests
from services.common.dependencies import watch_dependencies
from services.common.garbage import keep_what_is_there
from services.common.http.server import Ping, http_server, probe_routes
from services.common.lifecycle import until_signalled
from services.common.messaging.connection import BROKER_ERRORS, Broker
from services.common.messaging.consumer import Consumer, consuming
from services.common.messaging.messages import Process
from services.common.messaging.retries import DEAD_LETTER_REASONS, RETRY_REASONS, recoverable
from services.common.messaging.topology import Subscription, waiting_messages
from services.common.outbox.relay import Relay, relaying
from services.common.outbox.stream import Outbox, watch_outbox
from services.common.periodic import periodically
from services.common.redis.client import blocking_client, pipeline_client, redis_client, retry_until_done
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import RunScript, load_scripts
from services.common.scenarios import Scenarios
from services.worker.faults import BROKER_DOWN, CONSUMER_STOPPED, outages, slow_or_hanging
from services.worker.handlers import DamagedOrderError, Ports, UnknownOrderError, abandon, fulfil
from services.worker.messages import ORDER_CREATED, OrderCreated, Unusable
from services.worker.metrics import count_swept, measure_charges, measure_settled
from services.worker.open_orders import OpenOrders
from services.worker.payments import SimulatedPayments
from services.worker.settings import Settings
from services.worker.store import FulfilmentStore
from services.worker.sweeper import SweeperPorts, sweep_orders

LUA = Path(__file__).parent / "lua"
SPANS = {"reserve": "reserve stock", "settle": "redis: settle", "sweep": "redis: sweep"}
ORDERS = Subscription("worker.order-created", [ORDER_CREATED])


async def run(settings: Settings, telemetry_settings: TelemetrySettings) -> None:
    """Work until SIGTERM, then finish what is in hand and send what is in the outbox."""
    lifetime = until_signalled()
    telemetry = setup("worker", telemetry_settings, settings.service_version, settings.environment)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(telemetry.running())
        redis = await enter(redis_client(settings.redis_url))
        pipeline = AutoPipeline(await enter(pipeline_client(settings.redis_url)))
        blocking = await enter(blocking_client(settings.redis_url))
        broker = Broker(settings.amqp_url, f"{telemetry.instance} consumer")
        # A connection of its own: what goes wrong with a delivery must not hold up what is to be told.
        outgoing = Broker(settings.amqp_url, f"{telemetry.instance} relay")
        outbox = Outbox(blocking, "worker", context=context_headers)
        scenarios = Scenarios(scenario_requests(settings.environment), [FlagHook()])
        parts = build(settings, telemetry, redis, pipeline, outbox, partial(_backlog, outgoing), scenarios)
        relay = Relay(outbox, outgoing, "worker", telemetry.instance, telemetry.publisher())
        consumer = Consumer(broker, ORDERS, parts.process, settings.prefetch)
        pings = {"redis": Ping(redis.ping), "rabbitmq": Ping(broker.ping)}
        ready = {**pings, "consumer": Ping(consumer.ping)}
        probes = Starlette(routes=[*probe_routes(ready, lambda: lifetime.ending), *telemetry.routes()])
        await enter(http_server(probes, host=settings.http_host, port=settings.http_port, shutdown_timeout=1))
        await enter(lifetime.background(broker.keep_connected(), "broker"))
        watch = watch_dependencies(pings, telemetry.dependency_gauge())
        await enter(lifetime.background(watch, "dependency watch"))
        await enter(lifetime.background(outgoing.keep_connected(), "outgoing broker"))
        await enter(relaying(lifetime, relay))
        await enter(lifetime.background(watch_outbox(outbox, telemetry.outbox_gauges()), "outbox watch"))
        scenarios.applies(partial(_apply, scenarios, consumer, broker, outgoing))
        await enter(lifetime.background(scenarios.watch(redis), "scenarios"))
        await retry_until_done(partial(parts.store.stock_up, settings.stock), lifetime)
        sweeping = periodically(
            partial(sweep_orders, parts.sweeper),
            settings.sweep_seconds,
            name="sweeping",
            errors=(*BROKER_ERRORS, RedisError),
        )
        await enter(lifetime.background(sweeping, "sweeper"))
        await enter(consuming(lifetime, consumer, settings.shutdown_timeout_seconds))
        keep_what_is_there()
        await lifetime.wait()


def _apply(scenarios: Scenarios, consumer: Consumer, *brokers: Broker) -> None:
    """Do what a scenario does by itself, without a message that meets it."""
    consumer.pause(paused=scenarios.everywhere(CONSUMER_STOPPED))
    for broker in brokers:
        broker.refuse(refused=scenarios.everywhere(BROKER_DOWN))


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker does: stocks up, processes deliveries, sweeps."""

    store: FulfilmentStore
    process: Process
    sweeper: SweeperPorts


def build(  # noqa: PLR0913, PLR0917 - a composition root joins everything
    settings: Settings,
    telemetry: Telemetry,
    redis: Redis,
    pipeline: AutoPipeline,
    outbox: Outbox,
    backlog: Callable[[], Awaitable[int]],
    scenarios: Scenarios,
) -> Parts:
    """Return the worker's parts; opens no connection."""
    scripts = telemetry.traced_scripts(load_scripts(pipeline, LUA, once={"sweep"}), SPANS)
    store = FulfilmentStore(redis, scripts, outbox, retention=settings.retention_seconds)
    ports = fulfilment_ports(telemetry, store, payments(settings, scripts, scenarios), scenarios)

    async def give_up(body: bytes, reason: str) -> None:
        try:
            order = Unusable.model_validate_json(body).data
            await abandon(order, reason, ports=ports)
        except (ValidationError, UnknownOrderError, DamagedOrderError):
            # No order that can be failed: the dead letter is all there is to keep.
            return

    process = recoverable(
        OrderCreated.model_validate_json,
        partial(fulfil, ports=ports),
        give_up=give_up,
        hopeless=(UnknownOrderError, DamagedOrderError),
    )
    open_orders = OpenOrders(redis, scripts, outbox, stuck_after=settings.stuck_after_seconds)
    sweeper = SweeperPorts(
        backlog=backlog,
        due=open_orders.due,
        sweep=open_orders.sweep,
        reference=open_orders.reference,
        abandon=partial(abandon, ports=ports),
        void=ports.void,
        close=open_orders.close,
        continued=telemetry.continued,
        count=count_swept(telemetry.instruments()),
    )
    seen = telemetry.consumer(
        process,
        ORDERS.queue,
        routing_keys=ORDERS.routing_keys,
        outcomes=("done", "failed", "duplicate"),
        retries=(*RETRY_REASONS, "payment_unavailable"),
        dead_letters=(*DEAD_LETTER_REASONS, "unknown_order", "damaged_order"),
    )
    return Parts(store, seen, sweeper)


async def _backlog(broker: Broker) -> int:
    async with broker.channel() as channel:
        return await waiting_messages(channel, ORDERS.queue)


def fulfilment_ports(
    telemetry: Telemetry, store: FulfilmentStore, provider: SimulatedPayments, scenarios: Scenarios
) -> Ports:
    """Return what fulfilling needs, each port seen in the trace and in the metrics."""
    instruments, client = telemetry.instruments(), SpanKind.CLIENT
    charge = measure_charges(instruments, slow_or_hanging(provider.charge, scenarios.on))
    return Ports(
        reserve=store.reserve,
        charge=telemetry.traced("charge payment", client)(charge),
        void=telemetry.traced("void payment", client)(provider.void),
        settle=measure_settled(instruments, store.settle),
    )


def payments(settings: Settings, scripts: RunScript, scenarios: Scenarios) -> SimulatedPayments:
    """Return the simulated provider."""
    return SimulatedPayments(
        scripts,
        latency_seconds=settings.payment_latency_ms / 1000,
        decline_rate=settings.payment_decline_rate,
        outage_rate=settings.payment_outage_rate,
        retention=settings.retention_seconds,
        outages=outages(scenarios.on),
    )
