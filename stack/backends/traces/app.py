"""The composition root: one store, two ports."""

import sys

from stack.backends.traces.cli import Settings
from stack.backends.traces.query_app import query_app
from stack.backends.traces.receiver import otlp_app
from stack.backends.traces.store import TraceStore
from stack.backends.web.serve import listen, serving, stop_signal, url_of


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: a port cannot be bound.
    """
    stopped = stop_signal()
    otlp_socket = listen(settings.host, settings.otlp_port)
    query_socket = listen(settings.host, settings.query_port)
    store = TraceStore(settings.limits)
    async with serving(otlp_app(store), otlp_socket), serving(query_app(store), query_socket):
        sys.stdout.write(f"traces: OTLP at {url_of(otlp_socket)}, queries at {url_of(query_socket)}\n")
        sys.stdout.flush()
        await stopped.wait()
