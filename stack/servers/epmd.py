"""Erlang's port mapper, by which RabbitMQ nodes find each other.

A broker would start one by itself, as a daemon that outlives it; this one is a process like the others.
"""

from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.spec import Spec


def spec(
    program: Path, port: int, directory: Path, environ: Mapping[str, str], *, name: str = "epmd"
) -> Spec:
    """Return how to run a port mapper; one is enough for all nodes of a cluster."""
    return Spec(
        name=name,
        command=(str(program), "-port", str(port), "-address", "127.0.0.1"),
        cwd=directory,
        environment=environ,
        ready=probes.tcp(port),
        ports={"epmd": port},
        start_timeout=10,
    )
