"""What is compared: the services with and without telemetry, another checkout's, and the bare programs."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx2
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractQueue, FieldValue

from stack import probes
from stack.layout import ROOT
from stack.ports import free_port
from stack.servers import rabbitmq, redis, users
from stack.servers.backends import python_environment
from stack.servers.services import OWN_ENDPOINTS
from stack.spec import Spec
from stack.state import State

KINDS, NAMES = ("api", "worker"), ("on", "off", "bare", "bare_stock")
SETTINGS = {
    # What the bare programs do not have must cost nothing: limits, payments, sweeps.
    **dict.fromkeys(("RATE_LIMIT_PER_SECOND", "RATE_LIMIT_BURST"), "1000000"),
    **dict.fromkeys(("PAYMENT_LATENCY_MS", "PAYMENT_DECLINE_RATE", "PAYMENT_OUTAGE_RATE"), "0"),
    **dict.fromkeys(("SWEEP_SECONDS", "STUCK_AFTER_SECONDS"), "3600"),
    "STOCK": json.dumps(dict.fromkeys(("espresso-beans", "moka-pot"), 10**9)),
    # Nothing may be dropped while the other core is busy, as each order is accounted for.
    "OTEL_BSP_MAX_QUEUE_SIZE": "65536",
    "OTEL_BSP_SCHEDULE_DELAY": "200",
    "HTTP_HOST": "127.0.0.1",
    # For the stock instrumentation: spans alone, over the protocol that the trace backend speaks.
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    **dict.fromkeys(("OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none"),
}


@dataclass(frozen=True, slots=True)
class Variant:
    """An api and a worker, with a virtual host, a Redis database and a trace backend of their own."""

    name: str
    database: int
    servers: State
    folder: Path = ROOT

    @property
    def bare(self) -> bool:
        """Whether it consists of the bare programs."""
        return self.name.startswith("bare")

    @property
    def amqp(self) -> str:
        """The address of its virtual host."""
        return f"{rabbitmq.url(self.servers.ports.amqp)}{self.name}"

    @property
    def redis(self) -> str:
        """The address of its database."""
        return f"{redis.url(self.servers.ports.redis).removesuffix('/0')}/{self.database}"

    def specs(self, processes: int, core: int, otlp: int) -> list[Spec]:
        """Return how to run its processes of each kind; `otlp` is the port of its trace backend.

        A single process has a core to itself. Several are to show how a service scales, on every core.
        """
        pinned = ("taskset", "--cpu-list", str(core)) if processes == 1 else ()
        own = self.folder / ".venv" / "bin" / "python"
        python = str(own) if self.name == "against" and own.exists() else sys.executable
        # Stock is OpenTelemetry's zero-code instrumentation, with its defaults.
        stock = (str(Path(sys.executable).with_name("opentelemetry-instrument")),)
        wrapped = (*pinned, *(stock if self.name == "bare_stock" else ()), python)
        package = "loadtests.bench.bare_" if self.bare else "services."
        return [
            Spec(
                name=f"{kind}-{self.name}" + (f"-{number}" if number else ""),
                command=(*wrapped, "-m", f"{package}{kind}"),
                cwd=self.folder,
                environment={**self._environment(otlp), "HTTP_PORT": str(port := free_port())},
                ready=probes.tcp(port) if self.bare else probes.http(port, "/ready"),
                ports={"http": port},
            )
            for kind in KINDS
            for number in range(processes)
        ]

    def _environment(self, otlp: int) -> dict[str, str]:
        # Another checkout's modes may have other names; its telemetry is on by default.
        ours = {*OWN_ENDPOINTS, *(("TELEMETRY",) if self.name == "against" else ())}
        return {
            **python_environment({key: value for key, value in os.environ.items() if key not in ours}),
            **SETTINGS,
            **({"TELEMETRY": "off"} if self.name == "off" else {}),
            "PYTHONPATH": str(self.folder),
            "AMQP_URL": self.amqp,
            "REDIS_URL": self.redis,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp}",
        }

    def make_virtual_host(self) -> None:
        """Make its virtual host, by RabbitMQ's management API."""
        url = f"http://127.0.0.1:{self.servers.ports.rabbitmq_management}/api"
        everything = dict.fromkeys(("configure", "write", "read"), ".*")
        permissions = f"/permissions/{self.name}/{rabbitmq.ADMINISTRATOR}"
        for path, body in ((f"/vhosts/{self.name}", {}), (permissions, everything)):
            auth = (rabbitmq.ADMINISTRATOR, users.PASSWORD)
            # A proxy that the environment names cannot reach this machine's ports.
            httpx2.put(f"{url}{path}", json=body, auth=auth, timeout=10, trust_env=False).raise_for_status()

    async def declare(self, channel: AbstractChannel) -> AbstractQueue:
        """Return the queue of its outcomes; declare the work queue that the bare worker expects to find."""
        exchange = await channel.declare_exchange("orders", ExchangeType.TOPIC, durable=True)
        quorum: dict[str, FieldValue] = {"x-queue-type": "quorum"}
        if self.bare:
            work = await channel.declare_queue("worker.order-created", durable=True, arguments=quorum)
            await work.bind(exchange, "order.created.v1")
        outcomes = await channel.declare_queue("bench.outcomes", durable=True, arguments=quorum)
        await outcomes.bind(exchange, "order.done.v1")
        return outcomes
