"""What the stack consists of, and how each component is run."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack import programs
from stack.errors import StackError
from stack.layout import ROOT, Layout
from stack.ports import Ports
from stack.programs import Program
from stack.servers import (
    backends,
    configuration,
    grafana,
    jaeger,
    loki,
    prometheus,
    rabbitmq,
    redis,
    services,
    users,
)
from stack.spec import Spec

SERVICES = users.SERVICES


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a stack runs, on which ports, in which environment."""

    layout: Layout
    ports: Ports
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


def spec(plan: Plan, name: str) -> Spec:
    """Return how to run a component.

    Raises:
        StackError: Its program is missing, or what it is configured with.
    """
    return BUILDERS[name](plan)


def grafana_program() -> tuple[Path, Path] | None:
    """Return Grafana and the folder with its defaults; None unless both are there."""
    program = programs.on_path("grafana") or programs.on_path("grafana-server")
    home = grafana.find_home(program, os.environ) if program else None
    return (program, home) if program and home else None


def scrape_targets(ports: Ports, *, with_jaeger: bool) -> dict[str, list[str]]:
    """Return the addresses of each job in `prometheus.yml`, and of what alerts are sent to.

    The stack's own trace store makes no metrics of spans: without Jaeger its job has none.
    """
    listeners = {
        "api": ports.api,
        "worker": ports.worker,
        "notifier": ports.notifier,
        "rabbitmq": ports.rabbitmq_metrics,
        "rabbitmq-queues": ports.rabbitmq_metrics,
        "prometheus": ports.prometheus,
        configuration.ALERTMANAGER: ports.alertmanager,
    }
    targets = {job: [f"127.0.0.1:{port}"] for job, port in listeners.items()}
    return {**targets, "jaeger": [f"127.0.0.1:{ports.jaeger_metrics}"] if with_jaeger else []}


def _rabbitmq(plan: Plan) -> Spec:
    directory = plan.layout.data("rabbitmq")
    program, ports = programs.require(programs.RABBITMQ), plan.ports
    return rabbitmq.spec(rabbitmq.Node(program, directory, directory, ports, ports.epmd), plan.environ)


def _prometheus(plan: Plan) -> Spec:
    source, pace = ROOT / "prometheus.yml", configuration.pace(plan.environ)
    files = {
        f"rules/{path.name}": configuration.native_rules(path, plan.ports.grafana, pace)
        for path in configuration.rule_files(source)
    }
    targets = scrape_targets(plan.ports, with_jaeger=programs.on_path("jaeger") is not None)
    files["prometheus.yml"] = configuration.scraping(source, targets, files)
    program, port = programs.require(programs.PROMETHEUS), plan.ports.prometheus
    return prometheus.spec(program, port, plan.layout.data("prometheus"), plan.environ, files)


def _alertmanager(plan: Plan) -> Spec:
    source = ROOT / "observability" / "config" / "alertmanager" / "config.yaml"
    text = configuration.native_routes(source, plan.ports.smtp, configuration.pace(plan.environ))
    program, directory = programs.require(programs.ALERTMANAGER), plan.layout.data("alertmanager")
    return prometheus.alertmanager(program, plan.ports.alertmanager, directory, plan.environ, text)


def _grafana(plan: Plan) -> Spec:
    found = grafana_program()
    if found is None:
        raise StackError("there is no grafana on the PATH, or no conf/defaults.ini: set GF_PATHS_HOME")
    return grafana.spec(*found, plan.ports, plan.layout.data("grafana"), plan.environ)


def _server(
    name: str, program: Program, make: Callable[[Path, Ports, Path, Mapping[str, str]], Spec]
) -> Callable[[Plan], Spec]:
    return lambda plan: make(programs.require(program), plan.ports, plan.layout.data(name), plan.environ)


def _backend(name: str) -> Callable[[Plan], Spec]:
    return lambda plan: backends.spec(name, plan.ports, plan.layout.data(name), plan.environ)


def _service(name: str) -> Callable[[Plan], Spec]:
    def build(plan: Plan) -> Spec:
        with_loki = programs.on_path("loki") is not None
        return services.spec(name, plan.ports, plan.layout.data(name), plan.environ, with_loki=with_loki)

    return build


BUILDERS: Mapping[str, Callable[[Plan], Spec]] = {
    "epmd": _server("epmd", programs.EPMD, rabbitmq.port_mapper),
    "rabbitmq": _rabbitmq,
    "redis": _server("redis", programs.REDIS, redis.spec),
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
    "jaeger": _server("jaeger", programs.JAEGER, jaeger.spec),
    "traces": _backend("traces"),
    "loki": _server("loki", programs.LOKI, loki.spec),
    "inbox": _backend("inbox"),
    "grafana": _grafana,
    **{name: _service(name) for name in SERVICES},
}
