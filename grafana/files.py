"""Which dashboards there are, and how they become files."""

from collections.abc import Callable
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana import follow, overview, queues, service, slo, telemetry

DIRECTORY = Path(__file__).parent / "dashboards"
DASHBOARDS: dict[str, Callable[[], Dashboard]] = {
    "overview.json": overview.dashboard,
    "queues.json": queues.dashboard,
    "slo.json": slo.dashboard,
    "service.json": service.dashboard,
    "telemetry.json": telemetry.dashboard,
    "follow.json": follow.dashboard,
}


def render(build: Callable[[], Dashboard]) -> str:
    """Return the dashboard's JSON model, the same text every time."""
    return JSONEncoder(indent=2, sort_keys=True).encode(build()) + "\n"


def stale(directory: Path) -> list[str]:
    """Return the names of files in `directory` that differ from their code, lack it, or are missing."""
    files = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}
    wanted = {name: render(build) for name, build in DASHBOARDS.items()}
    return sorted(name for name in files.keys() | wanted.keys() if files.get(name) != wanted.get(name))


def write(directory: Path) -> None:
    """Write every dashboard to `directory`, and remove JSON files there that no code makes."""
    for path in directory.glob("*.json"):
        if path.name not in DASHBOARDS:
            path.unlink()
    for name, build in DASHBOARDS.items():
        (directory / name).write_text(render(build), encoding="utf-8")
