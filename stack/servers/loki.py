"""Loki, where it is installed: the services' log lines, beside their files."""

from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.layout import ROOT
from stack.ports import Ports
from stack.spec import Spec

CONFIGURATION = ROOT / "observability" / "config" / "loki" / "config.yaml"


def url(ports: Ports) -> str:
    """Return where Loki is."""
    return f"http://127.0.0.1:{ports.loki}"


def spec(program: Path, ports: Ports, directory: Path, environ: Mapping[str, str]) -> Spec:
    """Return how to run Loki; the configuration is compose's, and takes addresses from the environment."""
    return Spec(
        name="loki",
        command=(str(program), f"-config.file={CONFIGURATION}", "-config.expand-env=true"),
        cwd=directory,
        environment={
            **environ,
            "LOKI_ADDRESS": "127.0.0.1",
            "LOKI_HTTP_PORT": str(ports.loki),
            "LOKI_GRPC_PORT": str(ports.loki_grpc),
            "LOKI_DIRECTORY": str(directory),
        },
        ready=probes.http(ports.loki, "/ready"),
        ports={"loki": ports.loki},
        start_timeout=60,
        stop_timeout=30,  # it writes down what it has in memory
    )
