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
from stack.ports import Ports, free_port
from stack.servers import rabbitmq, redis, users
from stack.servers.backends import python_environment
from stack.servers.services import OWN_ENDPOINTS
from stack.spec import Spec

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
}


@dataclass(frozen=True, slots=True)
class Variant:
    """An api and a worker, with a virtual host, a Redis database and a trace backend of their own."""

    name: str
    database: int
    folder: Path = ROOT

    @property
    def bare(self) -> bool:
        """Whether it consists of the bare programs."""
        return self.name.startswith("bare")

    def amqp(self, ports: Ports) -> str:
        """Return the address of its virtual host."""
        return f"{rabbitmq.url(ports.amqp)}{self.name}"

    def redis(self, ports: Ports) -> str:
        """Return the address of its database."""
        return f"{redis.url(ports.redis).removesuffix('/0')}/{self.database}"

    def specs(self, processes: int, core: int, ports: Ports, otlp: int) -> list[Spec]:
        """Return how to run its processes of each kind; `otlp` is the port of its trace backend.

        A single process has a core to itself. Several are to show how a service scales, on every core.
        """
        pinned = ("taskset", "--cpu-list", str(core)) if processes == 1 else ()
        own = self.folder / ".venv" / "bin" / "python"
        python = str(own) if self.name == "against" and own.exists() else sys.executable
        environment = self._environment(ports, otlp)
        return [
            Spec(
                name=f"{kind}-{self.name}" + (f"-{number}" if number else ""),
                command=(*pinned, python, "-m", f"{self._package}{kind}"),
                cwd=self.folder,
                environment={**environment, "HTTP_PORT": str(port := free_port())},
                ready=probes.http(port, "/ready"),
                ports={"http": port},
            )
            for kind in KINDS
            for number in range(processes)
        ]

    @property
    def _package(self) -> str:
        return "loadtests.bench.bare_" if self.bare else "services."

    def _environment(self, ports: Ports, otlp: int) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if key not in OWN_ENDPOINTS}
        if self.name == "against":
            inherited.pop("TELEMETRY", None)  # its modes may have other names; it is on by default
        return {
            **python_environment(inherited),
            **SETTINGS,
            **({"TELEMETRY": "off"} if self.name == "off" else {}),
            **({"BENCH_STOCK_INSTRUMENTATION": "1"} if self.name == "bare_stock" else {}),
            "PYTHONPATH": str(self.folder),
            "AMQP_URL": self.amqp(ports),
            "REDIS_URL": self.redis(ports),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp}",
        }

    async def make_virtual_host(self, ports: Ports) -> None:
        """Make its virtual host, by RabbitMQ's management API."""
        url = f"http://127.0.0.1:{ports.rabbitmq_management}/api"
        auth = (rabbitmq.ADMINISTRATOR, users.PASSWORD)
        everything = dict.fromkeys(("configure", "write", "read"), ".*")
        # A proxy that the environment names cannot reach this machine's ports.
        async with httpx2.AsyncClient(base_url=url, auth=auth, timeout=10, trust_env=False) as client:
            (await client.put(f"/vhosts/{self.name}", json={})).raise_for_status()
            path = f"/permissions/{self.name}/{rabbitmq.ADMINISTRATOR}"
            (await client.put(path, json=everything)).raise_for_status()

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
