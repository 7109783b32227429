"""The stack's own development backends: the trace store and the inbox. Both keep nothing on disk."""

import sys
from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.layout import ROOT
from stack.spec import Spec

READY = {"traces": "/api/v3/services", "inbox": "/api/v1/messages"}
"""What each is asked for at the port of its name, where it is read; the other port takes spans or emails."""


def spec(name: str, ports: Mapping[str, int], directory: Path, environ: Mapping[str, str]) -> Spec:
    """Return how to run `traces` (ports: `otlp`, `traces`) or `inbox` (ports: `smtp`, `inbox`)."""
    options = [f"--{listener}-port={port}" for listener, port in ports.items()]
    return Spec(
        name=name,
        command=(sys.executable, "-m", f"stack.backends.{name}", *options),
        cwd=directory,
        environment=python_environment(environ),
        ready=probes.http(ports[name], READY[name]),
        ports=ports,
        start_timeout=30,
    )


def python_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program of this repository, run in any folder."""
    here = "127.0.0.1,localhost"
    exempt = ",".join(filter(None, [environ.get("NO_PROXY") or environ.get("no_proxy"), here]))
    return {
        **environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",  # the last lines before a crash are in the log
        "NO_PROXY": exempt,  # a proxy cannot reach the stack
        "no_proxy": exempt,
    }
