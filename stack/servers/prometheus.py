"""Prometheus: scrapes the stack, keeps exemplars, forgets after a week; and its Alertmanager."""

from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.spec import Spec


def spec(
    program: Path, port: int, directory: Path, environ: Mapping[str, str], files: Mapping[str, str]
) -> Spec:
    """Return how to run a Prometheus; `files` has its `prometheus.yml`, and the rules that this one names."""
    file = directory / "prometheus.yml"
    return Spec(
        name="prometheus",
        command=(
            str(program),
            f"--config.file={file}",
            f"--storage.tsdb.path={directory / 'tsdb'}",
            "--storage.tsdb.retention.time=7d",
            "--storage.tsdb.retention.size=512MB",
            "--enable-feature=exemplar-storage",
            "--query.lookback-delta=1m",  # as in compose
            f"--web.listen-address=127.0.0.1:{port}",
            f"--web.external-url=http://127.0.0.1:{port}",  # else alerts name this machine
        ),
        cwd=directory,
        environment=environ,
        ready=probes.http(port, "/-/ready"),
        ports={"prometheus": port},
        files={directory / name: text for name, text in files.items()},
        start_timeout=30,
    )


def alertmanager(program: Path, port: int, directory: Path, environ: Mapping[str, str], text: str) -> Spec:
    """Return how to run an Alertmanager alone, which groups alerts and delivers them as the text says."""
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
        files={file: text},
        start_timeout=30,
    )
