"""The three services."""

import sys
from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.ports import Ports
from stack.servers import loki, rabbitmq, redis
from stack.servers.backends import python_environment
from stack.spec import Spec

# As the services have it themselves, in seconds.
SHUTDOWN_TIMEOUT = "20"
OWN_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
LOGS_ENDPOINT = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"


def spec(
    name: str, ports: Ports, directory: Path, environ: Mapping[str, str], *, with_loki: bool = False
) -> Spec:
    """Return how to run `api`, `worker` or `notifier`.

    What is set in the environment (TELEMETRY, LOG_LEVEL, OTEL_*, …) is passed on; addresses are ours. Without
    a Loki of ours log lines go to the file only, unless the environment names an endpoint for them.
    """
    port: int = getattr(ports, name)
    inherited = {key: value for key, value in environ.items() if key not in OWN_ENDPOINTS}
    environment = {**python_environment(inherited), **addresses(ports, name), "HTTP_PORT": str(port)}
    if with_loki:
        environment[LOGS_ENDPOINT] = f"{loki.url(ports)}/otlp/v1/logs"
    return Spec(
        name=name,
        command=(sys.executable, "-m", f"services.{name}"),
        cwd=directory,
        environment=environment,
        ready=probes.http(port, "/ready"),
        ports={"http": port},
        start_timeout=90,  # it is ready when the slowest server is
        stop_timeout=_seconds(environ.get("SHUTDOWN_TIMEOUT_SECONDS") or SHUTDOWN_TIMEOUT) + 5,
    )


def addresses(ports: Ports, name: str) -> dict[str, str]:
    """Return the addresses of the servers, with the user and password of a service."""
    return {
        "AMQP_URL": rabbitmq.url(ports.amqp, user=name),
        "REDIS_URL": redis.url(ports.redis, name),
        "HTTP_HOST": "127.0.0.1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports.otlp_http}",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(ports.smtp),
    }


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # the service says so better, as it starts
        return float(SHUTDOWN_TIMEOUT)
