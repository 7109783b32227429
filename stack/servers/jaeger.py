"""Jaeger 2, where it is installed: takes the place of the stack's own trace store."""

from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.layout import ROOT
from stack.ports import Ports
from stack.spec import Spec

CONFIGURATION = ROOT / "observability" / "config" / "jaeger" / "config.yaml"


def spec(program: Path, ports: Ports, directory: Path, environ: Mapping[str, str]) -> Spec:
    """Return how to run Jaeger; the configuration is compose's, and takes addresses from the environment."""
    return Spec(
        name="jaeger",
        command=(str(program), "--config", str(CONFIGURATION)),
        cwd=directory,
        environment={
            **environ,
            "JAEGER_OTLP_HTTP_ENDPOINT": f"127.0.0.1:{ports.otlp_http}",
            "JAEGER_OTLP_GRPC_ENDPOINT": f"127.0.0.1:{ports.otlp_grpc}",
            "JAEGER_QUERY_HTTP_ENDPOINT": f"127.0.0.1:{ports.traces}",
            "JAEGER_QUERY_GRPC_ENDPOINT": f"127.0.0.1:{ports.traces_grpc}",
            "JAEGER_HEALTH_ENDPOINT": f"127.0.0.1:{ports.jaeger_health}",
            "JAEGER_METRICS_ENDPOINT": f"127.0.0.1:{ports.jaeger_metrics}",
            "JAEGER_STORAGE_DIRECTORY": str(directory),
            "JAEGER_PROMETHEUS_URL": f"http://127.0.0.1:{ports.prometheus}",
            "OTEL_TRACES_SAMPLER": "always_off",  # its own queries need no traces
        },
        ready=probes.http(ports.jaeger_health, "/status"),
        ports={"otlp": ports.otlp_http, "traces": ports.traces},
        start_timeout=30,
    )
