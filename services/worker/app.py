"""The composition root: builds the worker from its parts, and takes it down in the reverse order."""

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from opentelemetry.trace import SpanKind
from pydantic import ValidationError
from redis.asyncio import Redis
from starlette.applications import Starlette

from observability import Telemetry, TelemetrySettings, context_headers, setup
from services.kit.broker import Broker
from services.kit.consumer import Consumer, consuming
from services.kit.http import Ping, http_server, probe_routes
from services.kit.lifetime import until_signalled
from services.kit.messages import Process
from services.kit.outbox import Outbox, watch_outbox
from services.kit.recovery import recoverable
from services.kit.redis import RunScript, load_scripts, redis_client, retrying, waiting_client
from services.kit.relay import Relay, relaying
from services.kit.topology import Subscription
from services.worker.handlers import Ports, UnknownOrderError, abandon, fulfil
from services.worker.messages import ORDER_CREATED, OrderCreated, Unusable
from services.worker.metrics import measure_charges, measure_settled
from services.worker.payments import SimulatedPayments
from services.worker.settings import Settings
from services.worker.store import FulfilmentStore

LUA = Path(__file__).parent / "lua"
SPANS = {"reserve": "reserve stock", "settle": "redis: settle"}
ORDERS = Subscription("worker.order-created", [ORDER_CREATED])


async def run(settings: Settings, telemetry_settings: TelemetrySettings) -> None:
    """Work until SIGTERM, then finish what is in hand and send what is in the outbox."""
    lifetime = until_signalled()
    telemetry = setup("worker", telemetry_settings, settings.service_version, settings.environment)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(telemetry.running())
        redis = await enter(redis_client(settings.redis_url))
        waiting = await enter(waiting_client(settings.redis_url))
        broker = Broker(settings.amqp_url, f"{telemetry.instance} consumer")
        # A connection of its own: what goes wrong with a delivery must not hold up what is to be told.
        outgoing = Broker(settings.amqp_url, f"{telemetry.instance} relay")
        outbox = Outbox(waiting, "worker", context=context_headers)
        store, process = build(settings, telemetry, redis, outbox)
        relay = Relay(outbox, outgoing, "worker", telemetry.instance, telemetry.publisher())
        consumer = Consumer(broker, ORDERS, process, settings.prefetch)
        pings = {"redis": Ping(redis.ping), "rabbitmq": Ping(broker.ping), "consumer": Ping(consumer.ping)}
        probes = Starlette(routes=[*probe_routes(pings, lambda: lifetime.ending), *telemetry.routes()])
        await enter(http_server(probes, host=settings.http_host, port=settings.http_port, shutdown_timeout=1))
        await enter(lifetime.background(broker.keep_connected(), "broker"))
        await enter(lifetime.background(outgoing.keep_connected(), "outgoing broker"))
        await enter(relaying(lifetime, relay))
        await enter(lifetime.background(watch_outbox(outbox, telemetry.outbox_gauges()), "outbox watch"))
        await retrying(partial(store.stock_up, settings.stock), lifetime)
        await enter(consuming(lifetime, consumer, settings.shutdown_timeout_seconds))
        await lifetime.wait()


def build(
    settings: Settings, telemetry: Telemetry, redis: Redis, outbox: Outbox
) -> tuple[FulfilmentStore, Process]:
    """Return the store and the processing of a delivery; opens no connection."""
    scripts = telemetry.traced_scripts(load_scripts(redis, LUA), SPANS)
    store = FulfilmentStore(redis, scripts, outbox, retention=settings.retention_seconds)
    ports = fulfilment_ports(telemetry, store, payments(settings, scripts))

    async def give_up(body: bytes, reason: str) -> None:
        try:
            order = Unusable.model_validate_json(body).data
            await abandon(order, reason, ports=ports)
        except (ValidationError, UnknownOrderError):
            # No order that we know: the dead letter is all there is to keep.
            return

    process = recoverable(
        OrderCreated.model_validate_json,
        partial(fulfil, ports=ports),
        give_up=give_up,
        hopeless=(UnknownOrderError,),
    )
    return store, telemetry.consumer(process)


def fulfilment_ports(telemetry: Telemetry, store: FulfilmentStore, provider: SimulatedPayments) -> Ports:
    """Return what fulfilling needs, each port seen in the trace and in the metrics."""
    instruments, client = telemetry.instruments(), SpanKind.CLIENT
    return Ports(
        reserve=store.reserve,
        charge=telemetry.traced("charge payment", client)(measure_charges(instruments, provider.charge)),
        void=telemetry.traced("void payment", client)(provider.void),
        settle=measure_settled(instruments, store.settle),
    )


def payments(settings: Settings, scripts: RunScript) -> SimulatedPayments:
    """Return the simulated provider."""
    return SimulatedPayments(
        scripts,
        latency_seconds=settings.payment_latency_ms / 1000,
        decline_rate=settings.payment_decline_rate,
        outage_rate=settings.payment_outage_rate,
        retention=settings.retention_seconds,
    )
