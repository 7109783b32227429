"""The composition root: builds the notifier from its parts, and takes it down in the reverse order."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from opentelemetry.trace import SpanKind

from observability import Telemetry, TelemetrySettings, note_wait, setup
from services.common.flags import FlagHook, scenario_requests
from services.common.goodbye import Goodbye
from services.common.instruments import blocked_gauge, dependency_gauge, event_loop_lag
from services.common.lifecycle import freeze_startup_objects, until_signalled
from services.common.messaging.connection import BrokerConnection
from services.common.messaging.consumer import Consumer, consuming
from services.common.messaging.messages import Process
from services.common.messaging.retries import DEAD_LETTER_REASONS, RETRY_REASONS, with_retries
from services.common.messaging.topology import Subscription
from services.common.periodic import watch_event_loop
from services.common.probes import Ping, probe_server, watch_dependencies
from services.common.redis.client import pipeline_client, redis_client, redis_command, try_to_write
from services.common.redis.memory import Memory
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts
from services.common.scenarios import Scenarios
from services.notifier.faults import BROKER_DOWN, without_mail_server
from services.notifier.handlers import Ports, RecipientRefusedError, Send, notify
from services.notifier.mail import MailServer
from services.notifier.messages import ORDER_DONE, ORDER_FAILED, OrderOutcome
from services.notifier.metrics import count_emails, measure_notified
from services.notifier.settings import Settings
from services.notifier.store import NotificationStore

LUA = Path(__file__).parent / "lua"
SPANS = {"release": "redis: release notification"}
OUTCOMES = Subscription("notifier.order-outcome", [ORDER_DONE, ORDER_FAILED])


async def run(settings: Settings, telemetry_settings: TelemetrySettings) -> None:
    """Notify until SIGTERM, then finish what is in progress."""
    lifetime = until_signalled()
    telemetry = setup("notifier", telemetry_settings, settings.service_version, settings.environment)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(telemetry.running())
        redis = await enter(redis_client(settings.redis_url))
        pipeline = AutoPipeline(await enter(pipeline_client(settings.redis_url)), note_wait=note_wait)
        broker, outgoing = (
            BrokerConnection(settings.amqp_url, f"{telemetry.instance} {purpose}")
            for purpose in ("consumer", "publisher")
        )
        scenarios = Scenarios(scenario_requests(settings.environment), [FlagHook()])
        for one in (broker, outgoing):
            scenarios.applies(partial(_apply, scenarios, one))
        memory = Memory(redis, settings.retention_memory_share, telemetry.instruments())
        goodbye = Goodbye(lifetime, telemetry.instruments())
        process = build(settings, telemetry, pipeline, memory, scenarios, broker.server)
        consumer = Consumer(broker, outgoing, OUTCOMES, process, settings.prefetch)
        outgoing.show_blocked = blocked_gauge(telemetry.instruments())
        pings = {"redis": Ping(partial(try_to_write, redis)), "rabbitmq": Ping(broker.ping)}
        ready = {**pings, "consumer": Ping(consumer.ping)}
        await enter(probe_server(settings, lifetime, ready, map(goodbye.on, telemetry.routes())))
        stack.push_async_callback(goodbye.said)
        for name, work in {
            "broker": broker.keep_connected(),
            "outgoing broker": outgoing.keep_connected(),
            "dependency watch": watch_dependencies(pings, dependency_gauge(telemetry.instruments())),
            "memory watch": memory.watch(),
            "scenarios": scenarios.watch(redis),
            "event loop watch": watch_event_loop(event_loop_lag(telemetry.instruments())),
        }.items():
            await enter(lifetime.background(work, name))
        await enter(consuming(lifetime, consumer, settings.shutdown_timeout_seconds))
        freeze_startup_objects()
        await lifetime.wait()


def _apply(scenarios: Scenarios, broker: BrokerConnection) -> None:
    broker.simulate_outage(active=scenarios.everywhere(BROKER_DOWN))


def build(  # noqa: PLR0913, PLR0917 - what its parts need
    settings: Settings,
    telemetry: Telemetry,
    pipeline: AutoPipeline,
    memory: Memory,
    scenarios: Scenarios,
    server: Mapping[str, str | int],
) -> Process:
    """Return the processing of a delivery; opens no connection."""
    # A claim outlasts any one attempt, and lapses before the last retry of one that died holding it.
    claim_seconds = 2 * settings.smtp_timeout_seconds
    evalsha = redis_command("EVALSHA", settings.redis_url)
    scripts = telemetry.traced_scripts(load_scripts(pipeline, LUA), SPANS, evalsha)
    store = NotificationStore(pipeline, scripts, claim_seconds, settings.retention_seconds, memory.kept)
    set_key = redis_command("SET", settings.redis_url)
    claim = telemetry.traced("redis: claim notification", SpanKind.CLIENT, set_key)(store.claim)
    mark_sent = telemetry.traced("redis: mark as sent", SpanKind.CLIENT, set_key)(store.mark_sent)
    ports = Ports(claim, mark_sent, store.release, sender(settings, telemetry, scenarios))
    process = with_retries(
        OrderOutcome.model_validate_json,
        measure_notified(telemetry.instruments(), partial(notify, ports=ports)),
        on_dead_letter=store.ensure_available,
        non_retryable=(RecipientRefusedError,),
    )
    return telemetry.consumer(
        process,
        OUTCOMES.queue,
        routing_keys=OUTCOMES.routing_keys,
        server=server,
        outcomes=("sent", "duplicate"),
        retries=(*RETRY_REASONS, "being_sent"),
        dead_letters=(*DEAD_LETTER_REASONS, "recipient_refused"),
    )


def sender(settings: Settings, telemetry: Telemetry, scenarios: Scenarios) -> Send:
    """Return what sends an email, visible in the trace and in the metrics."""
    send = without_mail_server(MailServer(settings).send, scenarios.on)
    address: dict[str, str | int] = {"server.address": settings.smtp_host, "server.port": settings.smtp_port}
    traced = telemetry.traced("send email", SpanKind.CLIENT, address)
    return traced(count_emails(telemetry.instruments(), send))
