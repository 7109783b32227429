"""The stack's own development backends: the trace store and the inbox. Both keep nothing on disk."""

import sys
from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.layout import ROOT
from stack.ports import Ports
from stack.spec import Spec

LISTENERS = {"traces": {"otlp": "otlp_http", "traces": "traces"}, "inbox": {"smtp": "smtp", "inbox": "inbox"}}
"""The field of `Ports` for each listener; the one of the backend's name answers, the other one takes."""
READY = {"traces": "/api/v3/services", "inbox": "/api/v1/messages"}


def spec(name: str, ports: Ports, directory: Path, environ: Mapping[str, str]) -> Spec:
    """Return how to run `traces` or `inbox`."""
    listeners: dict[str, int] = {listener: getattr(ports, port) for listener, port in LISTENERS[name].items()}
    options = [f"--{listener}-port={port}" for listener, port in listeners.items()]
    return Spec(
        name=name,
        command=(sys.executable, "-m", f"stack.backends.{name}", *options),
        cwd=directory,
        environment=python_environment(environ),
        ready=probes.http(listeners[name], READY[name]),
        ports=listeners,
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
