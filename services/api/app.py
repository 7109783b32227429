"""The composition root: builds the api from its parts, and takes it down in the reverse order."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from opentelemetry.trace import SpanKind
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from observability import Telemetry, TelemetrySettings, context_headers, current_ids, note_wait, setup
from services.api.cache import Load, OrderCache
from services.api.catalogue import CATALOGUE
from services.api.dead_letters import dead_letters_router
from services.api.dependencies import Dependency, RateLimit, operator
from services.api.faults import BROKER_DOWN, MEMORY_LEAK, Leak, blocking, disturbed, spike, stampede
from services.api.follow import Followers
from services.api.http import allow_origins, http_api
from services.api.limits import Decide, RateLimiter
from services.api.metrics import Metrics, counted
from services.api.orders import Place, place
from services.api.routes import Orders, orders_router
from services.api.scenarios import scenarios_router
from services.api.settings import Settings
from services.api.store import OrderStore
from services.common.flags import FlagHook, scenario_requests
from services.common.goodbye import Goodbye
from services.common.http.server import http_server
from services.common.ids import uuid7
from services.common.instruments import blocked_gauge, dependency_gauge, event_loop_lag, outbox_gauges
from services.common.lifecycle import Lifetime, freeze_startup_objects, until_signalled
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.dead_letters import DeadLetters
from services.common.messaging.messages import PublishBatch
from services.common.outbox.relay import Relay, relaying
from services.common.outbox.stream import Outbox, watch_outbox
from services.common.periodic import periodically, watch_event_loop
from services.common.probes import Ping, probe_routes, watch_dependencies
from services.common.redis.client import (
    blocking_client,
    pipeline_client,
    redis_client,
    redis_command,
    try_to_write,
)
from services.common.redis.memory import Memory
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import RunScript, load_scripts
from services.common.scenarios import Scenarios, Switches

LUA = Path(__file__).parent / "lua"
SPANS = {"accept": "redis: accept", "limit": "redis: rate limit"}
PREDECLARED = [("POST", "/v1/orders", (202, 500, 503))]
"""What the objective of availability is about."""


async def run(settings: Settings, telemetry_settings: TelemetrySettings) -> None:
    """Serve until SIGTERM, then finish open requests and send what is in the outbox."""
    lifetime = until_signalled()
    telemetry = setup("api", telemetry_settings, settings.service_version, settings.environment)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(telemetry.running())
        connections = await enter(connect(settings, telemetry, lifetime))
        scenarios = Scenarios(scenario_requests(settings.environment), [FlagHook()])
        parts = build(settings, telemetry, connections, scenarios, lifetime)
        scenarios.applies(partial(_apply, scenarios, parts.leak, connections.broker, connections.operators))
        instruments = telemetry.instruments()
        connections.broker.show_blocked = blocked_gauge(instruments)
        for name, work in {
            "dependency watch": watch_dependencies(connections.pings, dependency_gauge(instruments)),
            "outbox watch": watch_outbox(connections.outbox, outbox_gauges(instruments)),
            "memory watch": connections.memory.watch(),
            "followers": parts.followers.run(),
            "late orders": periodically(parts.count_late, 1, name="late orders", errors=(RedisError,)),
            "scenarios": scenarios.watch(connections.redis),
            "event loop watch": watch_event_loop(event_loop_lag(instruments)),
        }.items():
            await enter(lifetime.background(work, name))
        await enter(relaying(lifetime, parts.relay))
        telemetry.instrument(parts.app)
        around = allow_origins(parts.app, settings.cors_origins)
        app = telemetry.http(around, predeclared=PREDECLARED, trusted=settings.trusted())
        await enter(
            http_server(
                app,
                host=settings.http_host,
                port=settings.http_port,
                keep_alive=settings.http_keep_alive_seconds,
                shutdown_timeout=settings.shutdown_timeout_seconds,
            )
        )
        stack.push_async_callback(parts.say_goodbye)
        freeze_startup_objects()
        await lifetime.wait()


@dataclass(frozen=True, slots=True)
class Connections:
    """What the api is connected to."""

    redis: Redis
    pipeline: AutoPipeline
    blocking: Redis
    memory: Memory
    outbox: Outbox
    broker: BrokerConnection
    operators: BrokerConnection
    """A connection of its own: a dead letter that cannot be decoded closes it, not the relay's, by which
    replays go out."""

    @property
    def pings(self) -> Mapping[str, Ping]:
        """Return the checks of what the api depends on; without RabbitMQ orders wait in the outbox."""
        return {
            "redis": Ping(partial(try_to_write, self.redis), (ResponseError,), "no order can be placed"),
            "rabbitmq": Ping(self.broker.ping, (Exception,), "dead letters cannot be handled"),
        }


@asynccontextmanager
async def connect(settings: Settings, telemetry: Telemetry, lifetime: Lifetime) -> AsyncIterator[Connections]:
    """Keep the api connected to Redis and RabbitMQ while the block runs."""
    broker = BrokerConnection(settings.amqp_url, telemetry.instance)
    operators = BrokerConnection(settings.amqp_url, f"{telemetry.instance} operators")
    async with (
        redis_client(settings.redis_url) as redis,
        pipeline_client(settings.redis_url) as pipeline,
        blocking_client(settings.redis_url) as blocking,
        lifetime.background(broker.keep_connected(), "broker"),
        lifetime.background(operators.keep_connected(), "operators' broker"),
    ):
        outbox = Outbox(blocking, "api", context_headers)
        calls = AutoPipeline(pipeline, note_wait=note_wait)
        memory = Memory(redis, settings.retention_memory_share, telemetry.instruments())
        yield Connections(redis, calls, blocking, memory, outbox, broker, operators)


def _apply(scenarios: Scenarios, leak: Leak, *brokers: BrokerConnection) -> None:
    """Apply the scenarios that need no request to take effect."""
    leak.free(leaking=scenarios.everywhere(MEMORY_LEAK))
    for broker in brokers:
        broker.simulate_outage(active=scenarios.everywhere(BROKER_DOWN))


@dataclass(frozen=True, slots=True)
class Parts:
    """What the api does: answers requests, publishes events, wakes streams, counts; simulates a leak."""

    app: FastAPI
    relay: Relay
    followers: Followers
    leak: Leak
    count_late: Callable[[], Awaitable[None]]
    say_goodbye: Callable[[], Awaitable[None]]


def build(
    settings: Settings,
    telemetry: Telemetry,
    connections: Connections,
    scenarios: Scenarios,
    lifetime: Lifetime,
) -> Parts:
    """Return the api's parts; opens no connection."""
    publisher, metrics = telemetry.publisher(), Metrics(telemetry.instruments())
    outbox, broker = connections.outbox, connections.broker

    def observe(publish: PublishBatch) -> PublishBatch:
        return disturbed(publisher(publish, broker.server), scenarios.on)

    relay = Relay(outbox, broker, "api", telemetry.instance, observe)
    redis = partial(redis_command, url=settings.redis_url)
    evalsha = redis("EVALSHA")
    scripts = telemetry.traced_scripts(
        load_scripts(connections.pipeline, LUA, once={"limit"}), SPANS, evalsha
    )
    kept, leak = connections.memory.kept, Leak()
    store = OrderStore(connections.redis, connections.pipeline, scripts, outbox, settings, kept)
    orders = Orders(
        place=placing(metrics, store, scenarios, leak),
        load=reading(settings, telemetry, metrics, store, scenarios),
        load_status=telemetry.traced("redis: read status", SpanKind.CLIENT, redis("HGETALL"))(store.status),
        page=telemetry.traced("redis: list orders", SpanKind.CLIENT, redis("PIPELINE"))(store.page),
        followers=Followers(connections.blocking, settings.max_event_streams),
        ending=lambda: lifetime.ending,
    )
    limit, operators_only = limits(settings, metrics, scripts, scenarios)
    queues, goodbye = settings.dead_letter_queues, Goodbye(lifetime, telemetry.instruments())
    observe_replays = partial(publisher, server=broker.server)
    dead_letters = DeadLetters(connections.operators, broker, queues, observe_replays, metrics.dead_letters)
    app = http_api(
        [
            orders_router(orders, limit),
            dead_letters_router(dead_letters, [operators_only]),
            scenarios_router(Switches(connections.redis), [operators_only]),
        ],
        [*probe_routes(connections.pings, lambda: lifetime.ending), *map(goodbye.on, telemetry.routes())],
        version=settings.service_version,
        ids=current_ids,
    )
    return Parts(app, relay, orders.followers, leak, partial(store.count_late, metrics.late), goodbye.said)


def placing(metrics: Metrics, store: OrderStore, scenarios: Scenarios, leak: Leak) -> Place:
    """Return the use case of placing an order, counted, with the faults that scenarios ask for."""
    use_case = partial(place, accept=store.accept, catalogue=CATALOGUE, new_id=uuid7)
    accepted = counted(use_case, metrics.accepted, lambda placed: "replayed" if placed.replayed else "new")
    return blocking(leak.around(accepted, scenarios.on), scenarios.on)


def reading(
    settings: Settings, telemetry: Telemetry, metrics: Metrics, store: OrderStore, scenarios: Scenarios
) -> Load:
    """Return reading an order through the cache."""
    known = redis_command("PIPELINE", settings.redis_url)
    cache = OrderCache(
        telemetry.traced("redis: read order", SpanKind.CLIENT, known)(store.order),
        entries=settings.cache_entries,
        ttl=settings.cache_ttl_seconds,
        on_read=metrics.cache_reads,
    )
    return stampede(cache, scenarios.on)


def limits(
    settings: Settings, metrics: Metrics, scripts: RunScript, scenarios: Scenarios
) -> tuple[RateLimit, Dependency]:
    """Return the rate limit of the orders' routes, and what lets operators alone pass."""
    limiter = RateLimiter(scripts, settings.rate_limit_per_second, settings.rate_limit_burst)

    def limit(decide: Decide) -> Decide:
        return counted(
            decide, metrics.decisions, lambda decision: "allowed" if decision.allowed else "limited"
        )

    # Operators must not be limited by the spike that they are about to end.
    operators_only = operator(limit(limiter.decide), settings.operator_token)
    return RateLimit(limit(spike(limiter, scenarios.on)), settings.keys()), operators_only
