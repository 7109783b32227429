"""The addresses of a running stack: for programs in `endpoints.json`, for people as a table."""

from collections.abc import Iterable

from stack.layout import Layout
from stack.ports import Ports
from stack.progress import columns
from stack.servers import loki, rabbitmq, redis, users


def endpoints(ports: Ports) -> dict[str, str]:
    """Return the base URLs that tests, the demo and load generators need."""
    return {
        "api": _http(ports.api),
        "prometheus": _http(ports.prometheus),
        "alertmanager": _http(ports.alertmanager),
        "amqp": rabbitmq.url(ports.amqp),
        "rabbitmq_metrics": _http(ports.rabbitmq_metrics),
        "rabbitmq_management": _http(ports.rabbitmq_management),
        "redis": redis.url(ports.redis),
        "traces": _http(ports.traces),
        "otlp": _http(ports.otlp_http),
        "mail": _http(ports.inbox),
    }


def table(layout: Layout, ports: Ports, running: Iterable[str]) -> list[str]:
    """Return lines that say what can be opened, for what runs."""
    credentials = f"user {rabbitmq.ADMINISTRATOR}, password {users.PASSWORD}"
    rows = [
        ("api", "API", f"{_http(ports.api)}/docs"),
        ("grafana", "Grafana", _http(ports.grafana)),
        ("jaeger", "Jaeger", _http(ports.traces)),
        ("traces", "Traces", _http(ports.traces)),
        ("loki", "Loki", loki.url(ports)),
        ("prometheus", "Prometheus", _http(ports.prometheus)),
        ("alertmanager", "Alertmanager", _http(ports.alertmanager)),
        ("rabbitmq", "RabbitMQ", f"{_http(ports.rabbitmq_management)}  ({credentials})"),
        ("inbox", "Inbox", _http(ports.inbox)),
        ("redis", "Redis", endpoints(ports)["redis"]),
    ]
    there = set(running)
    shown = [(title, address) for name, title, address in rows if name in there]
    return columns([*shown, ("Logs", str(layout.logs))])


def _http(port: int) -> str:
    return f"http://127.0.0.1:{port}"
