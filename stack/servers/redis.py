"""Redis: append-only, on this machine only."""

from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.layout import CONFIG
from stack.spec import Spec


def spec(
    program: Path, port: int, directory: Path, environ: Mapping[str, str], *, name: str = "redis"
) -> Spec:
    """Return how to run a Redis that keeps its data in `directory`."""
    # The folder is the working directory, so that its path needs no quoting.
    options = ("--bind", "127.0.0.1", "--port", str(port), "--dir", "./", "--daemonize", "no")
    return Spec(
        name=name,
        command=(str(program), str(CONFIG / "redis.conf"), *options),
        cwd=directory,
        environment=environ,
        ready=probes.redis(port),
        ports={"redis": port},
        start_timeout=30,
    )
