"""Finding the programs that the stack runs."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError

# Not on every user's PATH.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and the Debian package that brings it, if any."""

    title: str
    command: str
    package: str
    purpose: str
    known: tuple[str, ...] = ()
    """Patterns of places that are tried before the PATH, under `/`."""


RABBITMQ = Program(
    "RabbitMQ",
    "rabbitmq-server",
    "rabbitmq-server",
    "carries orders from service to service",
    # Debian's command on the PATH switches to the user rabbitmq: this is the server itself.
    known=("usr/lib/rabbitmq/bin/rabbitmq-server",),
)
EPMD = Program(
    "Erlang's port mapper",
    "epmd",
    "erlang-base",
    "what RabbitMQ runs on",
    known=("usr/lib/erlang/erts-*/bin/epmd",),
)
REDIS = Program("Redis", "redis-server", "redis-server", "holds orders, stock and payments")
PROMETHEUS = Program("Prometheus", "prometheus", "prometheus", "collects metrics, checks alert rules")
PROMTOOL = Program("promtool", "promtool", "prometheus", "tests alert rules")
ALERTMANAGER = Program(
    "Alertmanager",
    "alertmanager",
    "prometheus-alertmanager",
    "sends alerts by email",
    known=("usr/bin/prometheus-alertmanager",),  # Debian's name for it
)
JAEGER = Program("Jaeger", "jaeger", "", "replaces the stack's own trace store")
LOKI = Program("Loki", "loki", "", "holds the services' log lines beside their files")

REQUIRED = {
    "rabbitmq": RABBITMQ,
    "epmd": EPMD,
    "redis": REDIS,
    "prometheus": PROMETHEUS,
    "alertmanager": ALERTMANAGER,
}


def find(program: Program, root: Path = Path("/")) -> Path | None:
    """Return where a program is; None when this machine does not have it."""
    for pattern in program.known:
        for path in sorted(root.glob(pattern)):
            if os.access(path, os.X_OK):
                return path
    return on_path(program.command)


def require(program: Program) -> Path:
    """Return where a program is.

    Raises:
        StackError: This machine does not have it.
    """
    path = find(program)
    if path is None:
        raise StackError(f"{program.title} is missing: there is no {program.command} on the PATH")
    return path


def on_path(command: str) -> Path | None:
    """Return where a command is on the PATH or in the system's folders."""
    folders = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    found = shutil.which(command, path=folders)
    return Path(found) if found else None
