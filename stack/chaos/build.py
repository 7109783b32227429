"""The private system of a run: its ports, its proxies, and how each of its components is started."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from stack import components
from stack.chaos.orders import STOCK
from stack.chaos.proxy import Proxy
from stack.components import SERVICES, Plan
from stack.endpoints import endpoints
from stack.layout import Layout
from stack.ports import Ports
from stack.servers import services
from stack.spec import Spec

OBSERVERS = ("traces", "prometheus")
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
    between: Ports
    """The same ports as the services see them: of servers, those of the proxies."""
    specs: Mapping[str, Spec]
    """How to run each component, in the order in which they may start."""
    links: Mapping[str, Proxy]
    """The connections between services and servers."""

    @property
    def amqp(self) -> list[str]:
        """The administrator's address of each broker, past the proxies."""
        return [endpoints(self.ports)["amqp"]]

    @property
    def redis(self) -> str:
        """The administrator's address of Redis, past the proxy."""
        return endpoints(self.ports)["redis"]

    @property
    def metrics(self) -> list[str]:
        """The address of each broker's metrics."""
        return [endpoints(self.ports)["rabbitmq_metrics"]]


def blueprint(layout: Layout, ports: Ports, between: Ports, *, mails: int, observe: bool) -> Blueprint:
    """Return what a run of so many orders consists of; starts nothing.

    Raises:
        StackError: A program is missing.
    """
    plan = Plan(layout, ports, environment(os.environ, observe=observe))
    servers = ("epmd", "rabbitmq", "redis", "inbox", *(OBSERVERS if observe else ()))
    specs = {name: components.spec(plan, name) for name in servers}
    specs["inbox"] = _roomy(specs["inbox"], mails + MAILS_BESIDE)
    specs |= {name: service(plan, between, name) for name in SERVICES}
    links = {name: Proxy(getattr(between, name), getattr(ports, name)) for name in ("amqp", "redis", "smtp")}
    return Blueprint(layout, ports, between, specs, links)


def service(plan: Plan, between: Ports, name: str) -> Spec:
    """Return how to run a service that reaches its servers through the proxies."""
    seen = replace(plan.ports, amqp=between.amqp, redis=between.redis, smtp=between.smtp)
    return services.spec(name, seen, plan.layout.data(name), plan.environ)


def environment(environ: Mapping[str, str], *, observe: bool) -> dict[str, str]:
    """Return the environment of all components; spans are made in any case, and sent when somebody takes them."""
    sent: dict[str, Any] = {} if observe else {"OTEL_TRACES_EXPORTER": "none"}
    return {**environ, "STOCK": json.dumps(STOCK), **sent}


def _roomy(inbox: Spec, mails: int) -> Spec:
    bounds = ("--max-messages", str(mails), "--max-bytes", str(mails * MAIL_BYTES))
    return replace(inbox, command=(*inbox.command, *bounds))
