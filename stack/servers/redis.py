"""Redis: append-only, on this machine only."""

from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.layout import CONFIG
from stack.ports import Ports
from stack.servers import users
from stack.spec import Spec

USERS = "users.conf"


def spec(program: Path, ports: Ports, directory: Path, environ: Mapping[str, str]) -> Spec:
    """Return how to run a Redis that keeps its data in `directory`."""
    # The folder is the working directory, so that its path needs no quoting.
    listen = ("--bind", "127.0.0.1", "--port", str(ports.redis))
    here = ("--dir", "./", "--include", USERS, "--daemonize", "no")
    return Spec(
        name="redis",
        command=(str(program), str(CONFIG / "redis.conf"), *listen, *here),
        cwd=directory,
        environment=environ,
        ready=probes.redis(ports.redis),
        ports={"redis": ports.redis},
        files={directory / USERS: users.redis_users()},
        start_timeout=30,
    )


def url(port: int, user: str | None = None) -> str:
    """Return the address for clients: as a user, or as the administrator, which needs no password here."""
    login = f"{user}:{users.PASSWORD}@" if user else ""
    return f"redis://{login}127.0.0.1:{port}/0"
