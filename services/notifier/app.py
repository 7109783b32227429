"""The composition root: builds the notifier from its parts, and takes it down in the reverse order."""

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind
from starlette.applications import Starlette

from observability import Telemetry, TelemetrySettings, setup
from observability.flags import FlagHook, scenario_requests
from services.common.dependencies import watch_dependencies
from services.common.garbage import keep_what_is_there
from services.common.http.server import Ping, http_server, probe_routes
from services.common.lifecycle import until_signalled
from services.common.messaging.connection import Broker
from services.common.messaging.consumer import Consumer, consuming
from services.common.messaging.messages import Process
from services.common.messaging.retries import DEAD_LETTER_REASONS, RETRY_REASONS, recoverable
from services.common.messaging.topology import Subscription
from services.common.redis.client import pipeline_client, redis_client
from services.common.redis.pipeline import AutoPipeline
from services.common.redis.scripts import load_scripts
from services.common.scenarios import Scenarios
from services.notifier.faults import BROKER_DOWN, without_mail_server
from services.notifier.handlers import Ports, RecipientRefusedError, notify
from services.notifier.mail import MailServer
from services.notifier.messages import ORDER_DONE, ORDER_FAILED, OrderOutcome
from services.notifier.metrics import count_emails, measure_notified
from services.notifier.settings import Settings
from services.notifier.store import NotificationStore

if TYPE_CHECKING:
    from collections.abc import Mapping

LUA = Path(__file__).parent / "lua"
OUTCOMES = Subscription("notifier.order-outcome", [ORDER_DONE, ORDER_FAILED])


async def run(settings: Settings, telemetry_settings: TelemetrySettings) -> None:
    """Notify until SIGTERM, then finish what is in hand."""
    lifetime = until_signalled()
    telemetry = setup("notifier", telemetry_settings, settings.service_version, settings.environment)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(telemetry.running())
        redis = await enter(redis_client(settings.redis_url))
        pipeline = AutoPipeline(await enter(pipeline_client(settings.redis_url)))
        broker = Broker(settings.amqp_url, telemetry.instance)
        scenarios = Scenarios(scenario_requests(settings.environment), [FlagHook()])
        process = build(settings, telemetry, pipeline, scenarios)
        consumer = Consumer(broker, OUTCOMES, process, settings.prefetch)
        pings = {"redis": Ping(redis.ping), "rabbitmq": Ping(broker.ping)}
        ready = {**pings, "consumer": Ping(consumer.ping)}
        probes = Starlette(routes=[*probe_routes(ready, lambda: lifetime.ending), *telemetry.routes()])
        await enter(http_server(probes, host=settings.http_host, port=settings.http_port, shutdown_timeout=1))
        await enter(lifetime.background(broker.keep_connected(), "broker"))
        watch = watch_dependencies(pings, telemetry.dependency_gauge())
        await enter(lifetime.background(watch, "dependency watch"))
        scenarios.applies(lambda: broker.refuse(refused=scenarios.everywhere(BROKER_DOWN)))
        await enter(lifetime.background(scenarios.watch(redis), "scenarios"))
        await enter(consuming(lifetime, consumer, settings.shutdown_timeout_seconds))
        keep_what_is_there()
        await lifetime.wait()


def build(settings: Settings, telemetry: Telemetry, pipeline: AutoPipeline, scenarios: Scenarios) -> Process:
    """Return the processing of a delivery; opens no connection."""
    store = NotificationStore(
        pipeline,
        load_scripts(pipeline, LUA),
        # A claim outlasts any one attempt, and lapses before the last retry of one that died holding it.
        claim_seconds=2 * settings.smtp_timeout_seconds,
        retention=settings.retention_seconds,
    )
    server: Mapping[str, str | int] = {
        "server.address": settings.smtp_host,
        "server.port": settings.smtp_port,
    }
    instruments = telemetry.instruments()
    send = count_emails(instruments, without_mail_server(mail_server(settings).send, scenarios.on))
    ports = Ports(
        claim=store.claim,
        mark_sent=store.mark_sent,
        release=store.release,
        send=telemetry.traced("send email", SpanKind.CLIENT, server)(send),
    )

    async def give_up(_body: bytes, _reason: str) -> None:
        await store.give_up()

    process = recoverable(
        OrderOutcome.model_validate_json,
        measure_notified(instruments, partial(notify, ports=ports, sender=settings.mail_from)),
        give_up=give_up,
        hopeless=(RecipientRefusedError,),
    )
    return telemetry.consumer(
        process,
        OUTCOMES.queue,
        routing_keys=OUTCOMES.routing_keys,
        outcomes=("sent", "duplicate"),
        retries=(*RETRY_REASONS, "being_sent"),
        dead_letters=(*DEAD_LETTER_REASONS, "recipient_refused"),
    )


def mail_server(settings: Settings) -> MailServer:
    """Return where emails are handed in."""
    return MailServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_timeout_seconds,
        settings.smtp_security,
        settings.smtp_username,
        settings.smtp_password,
    )
