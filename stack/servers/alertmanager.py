"""Alertmanager: groups alerts and delivers them to the inbox; alone, on this machine only."""

from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.spec import Spec


def spec(program: Path, port: int, directory: Path, environ: Mapping[str, str], configuration: str) -> Spec:
    """Return how to run an Alertmanager; `configuration` is the text of its configuration file."""
    file = directory / "config.yaml"
    return Spec(
        name="alertmanager",
        command=(
            str(program),
            f"--config.file={file}",
            f"--storage.path={directory}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--web.external-url=http://127.0.0.1:{port}",  # else emails name this machine
            "--cluster.listen-address=",  # it has no peers, and opens no port for them
        ),
        cwd=directory,
        environment=environ,
        ready=probes.http(port, "/-/ready"),
        ports={"alertmanager": port},
        files={file: configuration},
        start_timeout=30,
    )
