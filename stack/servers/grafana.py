"""Grafana, where it is installed, with the project's data sources and dashboards."""

from collections.abc import Mapping
from pathlib import Path

from stack import probes
from stack.layout import ROOT
from stack.ports import Ports
from stack.servers import loki
from stack.spec import Spec

DASHBOARDS = ROOT / "grafana" / "dashboards"
PACKAGED_HOME = Path("/usr/share/grafana")


def find_home(program: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the folder with Grafana's own defaults: a package's, or the one that an archive unpacks to."""
    candidates = [environ.get("GF_PATHS_HOME"), program.resolve().parents[1], PACKAGED_HOME]
    homes = [Path(candidate) for candidate in candidates if candidate]
    return next((home for home in homes if (home / "conf" / "defaults.ini").is_file()), None)


def spec(program: Path, home: Path, ports: Ports, directory: Path, environ: Mapping[str, str]) -> Spec:
    """Return how to run Grafana, on this machine only."""
    # Since Grafana 9 there is one program with commands; `grafana-server` is the older name of one of them.
    command = (str(program),) if program.name == "grafana-server" else (str(program), "server")
    own_password = environ.get("GF_SECURITY_ADMIN_PASSWORD")
    return Spec(
        name="grafana",
        command=(*command, "--homepath", str(home), "--config", str(ROOT / "grafana" / "grafana.ini")),
        cwd=directory,
        environment={
            **environ,
            "GF_SERVER_HTTP_ADDR": "127.0.0.1",
            "GF_SERVER_HTTP_PORT": str(ports.grafana),
            "GF_PATHS_DATA": str(directory),
            "GF_PATHS_LOGS": str(directory / "log"),
            "GF_PATHS_PLUGINS": str(directory / "plugins"),
            "GF_PATHS_PROVISIONING": str(ROOT / "grafana" / "provisioning"),
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            # No administrator, rather than one with a well-known password.
            "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "false" if own_password else "true",
            "GRAFANA_DASHBOARDS_DIRECTORY": str(DASHBOARDS),
            "PROMETHEUS_URL": f"http://127.0.0.1:{ports.prometheus}",
            "JAEGER_URL": f"http://127.0.0.1:{ports.traces}",
            # Logs are files where Loki is not installed; one of one's own can be named.
            "LOKI_URL": environ.get("LOKI_URL") or loki.url(ports),
            "JAEGER_UI_URL": f"http://127.0.0.1:{ports.traces}",
        },
        ready=probes.http(ports.grafana, "/api/health"),
        ports={"grafana": ports.grafana},
        start_timeout=60,
    )
