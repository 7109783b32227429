"""Where things are, for programs and for people."""

import json
from pathlib import Path

from stack import endpoints
from stack.layout import Layout
from stack.ports import Ports


def test_programs_get_exactly_the_agreed_addresses(tmp_path: Path) -> None:
    """Base URLs without a slash at the end; credentials where clients need them."""
    layout = Layout(tmp_path)
    endpoints.write(layout, Ports(redis=7777))
    assert json.loads(layout.endpoints.read_text()) == {
        "api": "http://127.0.0.1:8000",
        "prometheus": "http://127.0.0.1:9090",
        "alertmanager": "http://127.0.0.1:9093",
        "amqp": "amqp://orderscope:orderscope@127.0.0.1:5672/",
        "rabbitmq_metrics": "http://127.0.0.1:15692",
        "redis": "redis://127.0.0.1:7777/0",
        "traces": "http://127.0.0.1:16686",
        "otlp": "http://127.0.0.1:4318",
        "mail": "http://127.0.0.1:8025",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["endpoints.json"]


def test_people_get_what_can_be_opened_of_what_runs(tmp_path: Path) -> None:
    """With the user for RabbitMQ's pages, and where the logs are."""
    lines = endpoints.table(Layout(tmp_path), Ports(), ["api", "rabbitmq", "worker"])
    assert [line.split()[:2] for line in lines] == [
        ["API", "http://127.0.0.1:8000/docs"],
        ["RabbitMQ", "http://127.0.0.1:15672"],
        ["Logs", str(tmp_path / "logs")],
    ]
    assert "user orderscope, password orderscope" in lines[1]


def test_whoever_receives_the_traces_is_shown_by_name(tmp_path: Path) -> None:
    """Jaeger at the same port as the trace store that it replaces."""
    for name, title in (("traces", "Traces"), ("jaeger", "Jaeger")):
        assert endpoints.table(Layout(tmp_path), Ports(), [name])[0] == f"{title}  http://127.0.0.1:16686"
