"""The composition root: builds the api from its parts, and takes it down in the reverse order."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from opentelemetry.trace import SpanKind
from redis.asyncio import Redis

from observability import (
    Telemetry,
    TelemetrySettings,
    context_headers,
    current_ids,
    redis_command,
    setup,
)
from observability.flags import FlagHook, scenario_requests
from services.api.cache import OrderCache
from services.api.catalogue import CATALOGUE
from services.api.cors import allow_origins
from services.api.dead_letters import dead_letters_router
from services.api.dependencies import RateLimit, operator, operator_limit
from services.api.faults import BROKER_DOWN, MEMORY_LEAK, SPIKE, Leak, blocking, disturbed, spike, stampede
from services.api.follow import Followers
from services.api.http import http_api
from services.api.limits import RateLimiter
from services.api.metrics import cache_reads, count_accepted, count_decisions, dead_letters_handled
from services.api.orders import place
from services.api.routes import Orders, orders_router
from services.api.scenarios import scenarios_router
from services.api.settings import Settings
from services.api.store import OrderStore
from services.common.http.server import http_server
from services.common.ids import uuid7
from services.common.lifecycle import Lifetime, freeze_startup_objects, until_signalled
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.dead_letters import DeadLetters
from services.common.outbox.relay import Relay, relaying
from services.common.outbox.stream import Outbox, watch_outbox
from services.common.probes import Ping, probe_routes, watch_dependencies
from services.common.redis.client import blocking_client, pipeline_client, redis_client
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts
from services.common.scenarios import Scenarios, Switches

LUA = Path(__file__).parent / "lua"
PREDECLARED = [("POST", "/v1/orders", (202, 500, 503))]
"""What the objective of availability is about."""


async def run(settings: Settings, telemetry_settings: TelemetrySettings) -> None:
    """Serve until SIGTERM, then finish open requests and send what is in the outbox."""
    lifetime = until_signalled()
    telemetry = setup("api", telemetry_settings, settings.service_version, settings.environment)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(telemetry.running())
        redis = await enter(redis_client(settings.redis_url))
        pipeline = AutoPipeline(await enter(pipeline_client(settings.redis_url)))
        blocking = await enter(blocking_client(settings.redis_url))
        broker = BrokerConnection(settings.amqp_url, telemetry.instance)
        outbox = Outbox(blocking, "api", context=context_headers)
        publisher = telemetry.publisher()
        scenarios = Scenarios(scenario_requests(settings.environment), [FlagHook()])
        relay = Relay(
            outbox,
            broker,
            "api",
            telemetry.instance,
            lambda publish: disturbed(publisher(publish), scenarios.on),
        )
        # A connection of its own: a dead letter that cannot be decoded closes it, not the relay's.
        operators = BrokerConnection(settings.amqp_url, f"{telemetry.instance} operators")
        dead_letters = DeadLetters(
            operators, settings.dead_letter_queues, publisher, dead_letters_handled(telemetry.instruments())
        )
        followers = Followers(blocking, settings.max_event_streams)
        await enter(lifetime.background(broker.keep_connected(), "broker"))
        await enter(lifetime.background(operators.keep_connected(), "operators' broker"))
        pings = {"redis": Ping(redis.ping), "rabbitmq": Ping(broker.ping, required=False)}
        watch = watch_dependencies(pings, telemetry.dependency_gauge())
        await enter(lifetime.background(watch, "dependency watch"))
        await enter(relaying(lifetime, relay))
        await enter(lifetime.background(watch_outbox(outbox, telemetry.outbox_gauges()), "outbox watch"))
        await enter(lifetime.background(followers.run(), "followers"))
        leak = Leak()
        scenarios.applies(partial(_apply, scenarios, leak, broker, operators))
        await enter(lifetime.background(scenarios.watch(redis), "scenarios"))
        app = build(
            settings,
            telemetry,
            redis,
            pipeline,
            outbox,
            followers,
            dead_letters,
            pings,
            lifetime,
            scenarios,
            leak,
        )
        telemetry.instrument(app)
        await enter(
            http_server(
                telemetry.http(allow_origins(app, settings.cors_origins), PREDECLARED),
                host=settings.http_host,
                port=settings.http_port,
                shutdown_timeout=settings.shutdown_timeout_seconds,
            )
        )
        freeze_startup_objects()
        await lifetime.wait()


def _apply(scenarios: Scenarios, leak: Leak, *brokers: BrokerConnection) -> None:
    """Do what a scenario does by itself, without a request that meets it."""
    leak.free(leaking=scenarios.everywhere(MEMORY_LEAK))
    for broker in brokers:
        broker.simulate_outage(active=scenarios.everywhere(BROKER_DOWN))


def build(  # noqa: PLR0913, PLR0917 - a composition root joins everything
    settings: Settings,
    telemetry: Telemetry,
    redis: Redis,
    pipeline: AutoPipeline,
    outbox: Outbox,
    followers: Followers,
    dead_letters: DeadLetters,
    pings: Mapping[str, Ping],
    lifetime: Lifetime,
    scenarios: Scenarios,
    leak: Leak,
) -> FastAPI:
    """Return the application; opens no connection."""
    scripts = telemetry.traced_scripts(
        load_scripts(pipeline, LUA, once={"limit"}), {"accept": "redis: accept"}
    )
    instruments = telemetry.instruments()
    store = OrderStore(
        redis,
        scripts,
        outbox,
        outbox_max_entries=settings.outbox_max_entries,
        idempotency_ttl=settings.idempotency_ttl_seconds,
        retention=settings.retention_seconds,
        sweep_after=settings.stuck_after_seconds,
    )
    cache = OrderCache(
        telemetry.traced("redis: read order", SpanKind.CLIENT, redis_command("PIPELINE"))(store.order),
        entries=settings.cache_entries,
        ttl=settings.cache_ttl_seconds,
        on_read=cache_reads(instruments),
    )
    limiter = RateLimiter(scripts, settings.rate_limit_per_second, settings.rate_limit_burst)
    spike_limiter = replace(
        limiter, per_second=limiter.per_second / SPIKE, burst=max(1, limiter.burst // SPIKE)
    )
    placing = count_accepted(
        instruments, partial(place, accept=store.accept, catalogue=CATALOGUE, new_id=uuid7)
    )
    orders = Orders(
        place=blocking(leak.around(placing, scenarios.on), scenarios.on),
        load=stampede(cache, scenarios.on),
        load_status=store.status,
        page=store.page,
        followers=followers,
        ending=lambda: lifetime.ending,
    )
    counted = count_decisions(instruments)
    decide = counted(spike(limiter.decide, spike_limiter.decide, scenarios.on))
    # Operators must not be limited by the spike that they are about to end.
    token = settings.operator_token
    operators_only = [operator_limit(counted(limiter.decide), token), operator(token)]
    return http_api(
        [
            orders_router(orders, RateLimit(decide, settings.keys())),
            dead_letters_router(dead_letters, operators_only),
            scenarios_router(Switches(redis), operators_only),
        ],
        [*probe_routes(pings, lambda: lifetime.ending), *telemetry.routes()],
        version=settings.service_version,
        ids=current_ids,
    )
