"""The private system of a run: its ports, its proxies, and how each of its components is started."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from resilience.chaos.orders import STOCK
from resilience.chaos.proxy import Proxy
from stack import components, programs
from stack.components import SERVICES, Plan
from stack.layout import Layout
from stack.ports import Ports
from stack.servers import rabbitmq, services
from stack.spec import Spec

OBSERVERS = ("traces", "prometheus")
SWEEPER = {"STUCK_AFTER_SECONDS": "20", "SWEEP_SECONDS": "5"}
"""The sweeper republishes open orders sooner than by default, also while some are still being retried."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """The parts of a run's system."""

    layout: Layout
    ports: Ports
    """The ports of all components except brokers, past the proxies."""
    brokers: Sequence[Ports]
    """The ports of each broker."""
    specs: Mapping[str, Spec]
    """How to run each component."""
    proxies: Mapping[str, Proxy]
    """The connections between services and servers."""

    @property
    def amqp(self) -> list[str]:
        """The administrator's address of each broker, past the proxies."""
        return [rabbitmq.url(broker.amqp) for broker in self.brokers]

    @property
    def managements(self) -> list[str]:
        """The address of each broker's management API."""
        return [f"http://127.0.0.1:{broker.rabbitmq_management}" for broker in self.brokers]


def blueprint(
    layout: Layout, ports: Sequence[Ports], between: Sequence[Ports], *, observe: bool
) -> Blueprint:
    """Return the parts of a run's system; starts nothing.

    Args:
        layout: The run directory.
        ports: The ports of each broker; all other components use the first of these.
        between: The ports of the proxies, likewise.
        observe: Whether Prometheus and a trace store belong to it.

    Raises:
        StackError: A program is missing.
    """
    plan = Plan(layout, ports[0], environment(os.environ, observe=observe))
    names = ("epmd", "redis", "inbox", *(OBSERVERS if observe else ()))
    specs = {name: components.spec(plan, name) for name in names}
    specs |= {spec.name: spec for spec in _brokers(plan, ports)}
    specs |= {name: _service(plan, between, name) for name in SERVICES}
    return Blueprint(layout, ports[0], ports, specs, _proxies(ports, between))


def environment(environ: Mapping[str, str], *, observe: bool) -> dict[str, str]:
    """Return the environment of all components; spans are exported only where a trace store runs."""
    export = {} if observe else {"OTEL_TRACES_EXPORTER": "none"}
    return {**environ, "LOG_LEVEL": "INFO", "STOCK": json.dumps(STOCK), **SWEEPER, **export}


def _service(plan: Plan, between: Sequence[Ports], name: str) -> Spec:
    """Return how to run a service that reaches its servers through the proxies."""
    seen = replace(plan.ports, redis=between[0].redis, smtp=between[0].smtp)
    spec = services.spec(name, seen, plan.layout.data(name), plan.environ)
    brokers = rabbitmq.url(*(broker.amqp for broker in between), user=name)
    return replace(spec, environment={**spec.environment, "AMQP_URL": brokers})


def _brokers(plan: Plan, ports: Sequence[Ports]) -> list[Spec]:
    if len(ports) == 1:
        return [components.spec(plan, "rabbitmq")]
    program, directory = programs.require(programs.RABBITMQ), plan.layout.data("rabbitmq")
    return rabbitmq.cluster(program, directory, ports, plan.environ)


def _proxies(ports: Sequence[Ports], between: Sequence[Ports]) -> dict[str, Proxy]:
    proxies = {name: Proxy(getattr(between[0], name), getattr(ports[0], name)) for name in ("redis", "smtp")}
    for number, (near, far) in enumerate(zip(between, ports, strict=True), 1):
        proxies["amqp" if len(ports) == 1 else f"amqp-{number}"] = Proxy(near.amqp, far.amqp)
    return proxies
