"""The ports of a stack: the customary ones where they are free, others where they are not."""

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields

from stack.errors import StackError

HOST = "127.0.0.1"
# Below the range of outgoing connections (from 32768 on), one of which could come between.
FREE_RANGE = range(20_000, 32_000)
ATTEMPTS = 1000


@dataclass(frozen=True, slots=True)
class Ports:
    """A port for each listener; the defaults are the customary ones, 0 where any will do."""

    api: int = 8000
    worker: int = 8001
    notifier: int = 8002
    amqp: int = 5672
    rabbitmq_management: int = 15672
    rabbitmq_metrics: int = 15692
    rabbitmq_distribution: int = 0
    epmd: int = 0
    redis: int = 6379
    prometheus: int = 9090
    alertmanager: int = 9093
    otlp_http: int = 4318
    otlp_grpc: int = 4317
    traces: int = 16686
    traces_grpc: int = 16685
    jaeger_health: int = 13133
    jaeger_metrics: int = 8889
    loki: int = 3100
    loki_grpc: int = 9095
    smtp: int = 1025
    inbox: int = 8025
    grafana: int = 3000


ANY_PORTS = Ports(**{field.name: 0 for field in fields(Ports)})
"""No customary ports, so that nothing else on this machine is disturbed."""


@contextmanager
def reserved_ports(wanted: Ports | None = None) -> Iterator[Ports]:
    """Choose a port for every listener, and keep other stacks that start meanwhile from choosing the same.

    Raises:
        StackError: No port is free.
    """
    customary = wanted or Ports()
    names = [field.name for field in fields(Ports)]
    with ExitStack() as claims:
        yield Ports(**{name: _claim(claims, getattr(customary, name)) for name in names})


def free_port() -> int:
    """Return a port that nothing listens on at this moment.

    Raises:
        StackError: There is none.
    """
    with ExitStack() as claims:
        return _claim(claims, 0)


def _claim(claims: ExitStack, wanted: int) -> int:
    others = (random.choice(FREE_RANGE) for _ in range(ATTEMPTS))  # noqa: S311 - a port is no secret
    for port in (wanted, *others):
        if port and _is_free(port) and _claimed(claims, port):
            return port
    raise StackError(f"no free port found between {FREE_RANGE.start} and {FREE_RANGE.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections that ended a moment ago do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _bound(probe, (HOST, port))


def _claimed(claims: ExitStack, port: int) -> bool:
    """Claim a port among all stacks of this machine, by a name in Linux's abstract namespace (`man 7 unix`).

    The kernel releases the name with the process, so that a crash blocks no port.
    """
    return _bound(claims.enter_context(socket.socket(socket.AF_UNIX)), f"\0orderscope-port-{port}")


def _bound(claim: socket.socket, address: tuple[str, int] | str) -> bool:
    try:
        claim.bind(address)
    except OSError:
        return False
    return True
