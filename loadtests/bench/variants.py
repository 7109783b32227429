"""What is compared: each service with telemetry, without it, and the bare references."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack import probes
from stack.ports import Ports
from stack.servers import rabbitmq, redis
from stack.servers.backends import python_environment
from stack.servers.services import OWN_ENDPOINTS
from stack.spec import Spec

SHARE = "OTEL_TRACES_SAMPLER_ARG"
KINDS = ("api", "worker")
NAMES = ("on", "off", "bare", "bare_stock")
OURS = frozenset({"on", "off"})
TRACED = frozenset({"on", "bare_stock"})
STOCK = dict.fromkeys(("espresso-beans", "moka-pot"), 10**9)
SETTINGS = {
    # What the bare ones have no counterpart of must not get in the way: limits, payments, sweeps.
    "RATE_LIMIT_PER_SECOND": "1000000",
    "RATE_LIMIT_BURST": "1000000",
    "PAYMENT_LATENCY_MS": "0",
    "PAYMENT_DECLINE_RATE": "0",
    "PAYMENT_OUTAGE_RATE": "0",
    "SWEEP_SECONDS": "3600",
    "STUCK_AFTER_SECONDS": "3600",
    "STOCK": json.dumps(STOCK),
    # Nothing may be dropped while the other core is busy: each order is accounted for.
    "OTEL_BSP_MAX_QUEUE_SIZE": "65536",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run a service, with a virtual host, a Redis database and a trace backend of its own."""

    kind: str
    name: str
    number: int
    """From 0; also the number of its Redis database."""
    processes: int = 1

    @property
    def title(self) -> str:
        """Its name among components."""
        return f"{self.kind}-{self.name}"

    @property
    def ours(self) -> bool:
        """Whether it is this project's service."""
        return self.name in OURS

    def amqp(self, ports: Ports) -> str:
        """Return the address of its virtual host."""
        return f"{rabbitmq.url(ports.amqp)}{self.title}"

    def redis(self, ports: Ports) -> str:
        """Return the address of its database."""
        return f"{redis.url(ports.redis).removesuffix('/0')}/{self.number}"


def sampled_share() -> float:
    """Return the share of traces that the environment has the services keep.

    Raises:
        ValueError: It is none.
    """
    if "traceidratio" not in os.environ.get("OTEL_TRACES_SAMPLER", "").lower():
        return 1.0
    text = os.environ.get(SHARE) or "1"  # as the standard says
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError(text)
    return share


def variants(kinds: tuple[str, ...], names: tuple[str, ...], processes: int) -> list[Variant]:
    """Return all that are to be compared."""
    pairs = [(kind, name) for kind in kinds for name in names]
    return [Variant(kind, name, number, processes) for number, (kind, name) in enumerate(pairs)]


def specs(variant: Variant, ports: Ports, listeners: list[int], otlp: int, directory: Path) -> list[Spec]:
    """Return how to run each process of a variant.

    Args:
        variant: What to run.
        ports: Where the servers listen.
        listeners: The HTTP port of each process.
        otlp: The port of its trace backend.
        directory: Where it runs.
    """
    environment = _environment(os.environ, variant, ports, otlp)
    module = f"services.{variant.kind}" if variant.ours else f"loadtests.bench.bare_{variant.kind}"
    titles = [variant.title, *(f"{variant.title}-{n}" for n in range(2, variant.processes + 1))]
    return [
        Spec(
            name=title,
            command=(sys.executable, "-m", module),
            cwd=directory,
            environment={**environment, "HTTP_PORT": str(port)},
            ready=probes.http(port, "/ready"),
            ports={"http": port},
            start_timeout=60,
        )
        for title, port in zip(titles, listeners, strict=True)
    ]


def _environment(environ: Mapping[str, str], variant: Variant, ports: Ports, otlp: int) -> dict[str, str]:
    inherited = {key: value for key, value in environ.items() if key not in OWN_ENDPOINTS}
    return {
        **python_environment(inherited),
        **SETTINGS,
        "AMQP_URL": variant.amqp(ports),
        "REDIS_URL": variant.redis(ports),
        "HTTP_HOST": "127.0.0.1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp}",
        "OTEL_SERVICE_NAME": variant.title,
        "TELEMETRY": "off" if variant.name == "off" else "lean",
        "BENCH_STOCK_INSTRUMENTATION": "1" if variant.name == "bare_stock" else "",
    }
