"""The private system of a run: its ports, its proxies, and how each of its components is started."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from resilience.chaos.links import Link
from resilience.chaos.orders import STOCK
from stack import components, programs
from stack.components import SERVICES, Plan
from stack.endpoints import endpoints
from stack.layout import Layout
from stack.ports import Ports
from stack.servers import rabbitmq, services
from stack.servers.rabbitmq_cluster import Listeners, cluster
from stack.spec import Spec

OBSERVERS = ("traces", "prometheus")
IMPATIENT = {"STUCK_AFTER_SECONDS": "20", "SWEEP_SECONDS": "5"}
"""The sweeper looks after orders sooner than it would: while some are still being tried again, too."""
MAIL_BYTES = 16_384
"""What a mail occupies in the inbox, generously."""
MAILS_BESIDE = 5_000
"""Mails beside the first of each order: second ones, and some to spare."""
ANY_PORTS = Ports(**{field.name: 0 for field in fields(Ports)})
"""No customary ports: whatever runs on this machine is left alone."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a run consists of."""

    layout: Layout
    ports: Ports
    brokers: Sequence[Ports]
    """The ports of each broker."""
    specs: Mapping[str, Spec]
    """How to run each component."""
    links: Mapping[str, Link]
    """The connections between services and servers."""

    @property
    def amqp(self) -> list[str]:
        """The administrator's address of each broker, past the proxies."""
        return [rabbitmq.url(broker.amqp) for broker in self.brokers]

    @property
    def addresses(self) -> dict[str, str]:
        """The administrator's addresses of all else, past the proxies."""
        return endpoints(self.ports)

    @property
    def managements(self) -> list[str]:
        """The address of each broker's management API."""
        return [f"http://127.0.0.1:{broker.rabbitmq_management}" for broker in self.brokers]

    @property
    def metrics(self) -> list[str]:
        """The address of each broker's metrics."""
        return [endpoints(broker)["rabbitmq_metrics"] for broker in self.brokers]


def blueprint(
    layout: Layout, ports: Sequence[Ports], between: Sequence[Ports], *, mails: int, observe: bool
) -> Blueprint:
    """Return what a run consists of; starts nothing.

    Args:
        layout: The run directory.
        ports: Where everything listens, one for each broker; the first is for all else, too.
        between: Where the proxies listen, likewise.
        mails: How many orders will have an email.
        observe: Whether Prometheus and a trace store belong to it.

    Raises:
        StackError: A program is missing.
    """
    plan = Plan(layout, ports[0], environment(os.environ, observe=observe))
    names = ("epmd", "redis", "inbox", *(OBSERVERS if observe else ()))
    specs = {name: components.spec(plan, name) for name in names}
    specs["inbox"] = _roomy(specs["inbox"], mails + MAILS_BESIDE)
    specs |= {spec.name: spec for spec in _brokers(plan, ports)}
    specs |= {name: service(plan, between, name) for name in SERVICES}
    return Blueprint(layout, ports[0], ports, specs, _links(ports, between))


def service(plan: Plan, between: Sequence[Ports], name: str) -> Spec:
    """Return how to run a service that reaches its servers through the proxies."""
    seen = replace(plan.ports, redis=between[0].redis, smtp=between[0].smtp)
    spec = services.spec(name, seen, plan.layout.data(name), plan.environ)
    brokers = rabbitmq.url(*(broker.amqp for broker in between), user=name)
    return replace(spec, environment={**spec.environment, "AMQP_URL": brokers})


def environment(environ: Mapping[str, str], *, observe: bool) -> dict[str, str]:
    """Return the environment of all components; spans are made in any case, and sent where a store is."""
    sent = {} if observe else {"OTEL_TRACES_EXPORTER": "none"}
    return {**environ, "LOG_LEVEL": "INFO", "STOCK": json.dumps(STOCK), **IMPATIENT, **sent}


def _brokers(plan: Plan, ports: Sequence[Ports]) -> list[Spec]:
    if len(ports) == 1:
        return [components.spec(plan, "rabbitmq")]
    listeners = [
        Listeners(
            broker.amqp, broker.rabbitmq_management, broker.rabbitmq_metrics, broker.rabbitmq_distribution
        )
        for broker in ports
    ]
    program, directory = programs.require(programs.RABBITMQ), plan.layout.data("rabbitmq")
    return cluster(program, directory, plan.ports.epmd, listeners, plan.environ)


def _links(ports: Sequence[Ports], between: Sequence[Ports]) -> dict[str, Link]:
    links = {name: Link(getattr(between[0], name), getattr(ports[0], name)) for name in ("redis", "smtp")}
    for number, (near, far) in enumerate(zip(between, ports, strict=True), 1):
        links["amqp" if len(ports) == 1 else f"amqp-{number}"] = Link(near.amqp, far.amqp)
    return links


def _roomy(inbox: Spec, mails: int) -> Spec:
    bounds = ("--max-messages", str(mails), "--max-bytes", str(mails * MAIL_BYTES))
    return replace(inbox, command=(*inbox.command, *bounds))
