"""A RabbitMQ cluster on this machine: nodes that find each other by name through one port mapper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.servers import rabbitmq
from stack.servers.rabbitmq import Node
from stack.spec import Spec


@dataclass(frozen=True, slots=True)
class Listeners:
    """The ports of one node."""

    amqp: int
    management: int
    metrics: int
    distribution: int


def cluster(
    program: Path, directory: Path, epmd: int, listeners: Sequence[Listeners], environ: Mapping[str, str]
) -> list[Spec]:
    """Return how to run a node for each of the listeners, named `rabbitmq-1`, `rabbitmq-2` and so on.

    They form a cluster when they are first started, together, and come back to it whenever they are started
    again, one or all. Quorum queues get a replica on each node (up to three) that belongs to the cluster when
    they are declared: services should start after all nodes.

    Args:
        program: The server itself (`stack.programs.RABBITMQ`).
        directory: Where each node gets a folder, and all share a home with the cookie that lets them talk.
        epmd: The port of a port mapper (`stack.servers.epmd`) that is ready before them.
        listeners: The ports, a node each.
        environ: The environment to take the rest from.
    """
    names = [f"rabbitmq-{number}" for number in range(1, len(listeners) + 1)]
    peers = tuple(f"{name}@127.0.0.1" for name in names)
    return [
        rabbitmq.spec(
            Node(
                program=program,
                directory=directory / name,
                home=directory / "home",
                amqp=ports.amqp,
                management=ports.management,
                metrics=ports.metrics,
                distribution=ports.distribution,
                epmd=epmd,
                name=peer,
                peers=peers,
            ),
            environ,
            name=name,
        )
        for name, peer, ports in zip(names, peers, listeners, strict=True)
    ]
