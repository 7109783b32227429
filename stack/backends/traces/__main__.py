"""`python -m stack.backends.traces`: one application on two ports, OTLP's and that of Jaeger's API."""

import socket
import sys
from argparse import ArgumentParser
from contextlib import suppress

import uvicorn

from stack.backends.traces.app import trace_app
from stack.backends.traces.store import TraceStore
from stack.backends.web import HOST

if __name__ == "__main__":
    parser = ArgumentParser("python -m stack.backends.traces", description="A trace store for development.")
    parser.add_argument("--otlp-port", type=int, default=4318, help="where spans are sent")
    parser.add_argument("--traces-port", type=int, default=16686, help="Jaeger's API, and pages")
    ports = parser.parse_args()
    try:
        listeners = [socket.create_server((HOST, port)) for port in (ports.otlp_port, ports.traces_port)]
    except OSError as error:
        sys.exit(f"trace store: {error}")
    config = uvicorn.Config(
        trace_app(TraceStore()),
        access_log=False,
        limit_concurrency=256,
        timeout_keep_alive=75,  # exporters pause up to a minute between batches
        timeout_graceful_shutdown=3,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=listeners)
