"""The stack's own development backends: the trace store and the inbox."""

import sys
from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.layout import ROOT
from stack.spec import Spec


def traces(otlp: int, query: int, directory: Path, environ: Mapping[str, str]) -> Spec:
    """Return how to run the trace store: OTLP in, Jaeger's queries out, nothing on disk."""
    options = ("--otlp-port", str(otlp), "--query-port", str(query))
    return Spec(
        name="traces",
        command=(sys.executable, "-m", "stack.backends.traces", *options),
        cwd=directory,
        environment=python_environment(environ),
        ready=probes.http(query, "/api/v3/services"),
        ports={"otlp": otlp, "traces": query},
        start_timeout=30,
    )


def inbox(smtp: int, http: int, directory: Path, environ: Mapping[str, str]) -> Spec:
    """Return how to run the inbox: mail in, a list of it out, nothing on disk."""
    options = ("--smtp-port", str(smtp), "--http-port", str(http))
    return Spec(
        name="inbox",
        command=(sys.executable, "-m", "stack.backends.inbox", *options),
        cwd=directory,
        environment=python_environment(environ),
        ready=probes.http(http, "/api/v1/messages"),
        ports={"smtp": smtp, "inbox": http},
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
