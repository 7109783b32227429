"""The committed dashboards are what the code makes, and each panel says what it shows."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.files import DASHBOARDS, DIRECTORY, render, stale, write

PROVISIONING = DIRECTORY.parent / "provisioning"


def panels() -> list[Any]:
    """Return every panel of every dashboard, as parametrize wants them; rows are titles, not panels."""
    models = {name: json.loads(render(build)) for name, build in DASHBOARDS.items()}
    return [
        pytest.param(panel, id=f"{name}: {panel['title']}")
        for name, model in models.items()
        for panel in model["panels"]
        if panel["type"] != "row"
    ]


def data_sources() -> list[dict[str, Any]]:
    """Return the data sources that Grafana is provisioned with."""
    text = (PROVISIONING / "datasources" / "datasources.yaml").read_text(encoding="utf-8")
    sources: list[dict[str, Any]] = yaml.safe_load(text)["datasources"]
    return sources


def test_committed_dashboards_are_the_generated_ones() -> None:
    """Whoever changes a dashboard's code also commits what `python -m grafana` makes of it."""
    assert stale(DIRECTORY) == []


def test_stale_names_changed_missing_and_orphaned_files(tmp_path: Path) -> None:
    """A file that was edited, removed or has no code any more is reported, and writing repairs all three."""
    write(tmp_path)
    assert stale(tmp_path) == []
    (tmp_path / "overview.json").write_text("{}", encoding="utf-8")
    (tmp_path / "orphan.json").write_text("{}", encoding="utf-8")
    assert stale(tmp_path) == ["orphan.json", "overview.json"]
    (tmp_path / "overview.json").unlink()
    assert stale(tmp_path) == ["orphan.json", "overview.json"]
    write(tmp_path)
    assert stale(tmp_path) == []


@pytest.mark.parametrize("panel", panels())
def test_panel_has_unit_description_and_thresholds(panel: dict[str, Any]) -> None:
    """A reader is told what to conclude, in which unit, and from where on it is bad."""
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert len(panel["description"]) >= 40
    limits = [step["value"] for step in defaults["thresholds"]["steps"]]
    assert limits[0] is None
    assert limits[1:] == sorted(limits[1:])


@pytest.mark.parametrize("panel", panels())
def test_panel_asks_a_provisioned_data_source(panel: dict[str, Any]) -> None:
    """Every query names a data source by a uid that provisioning fixes."""
    uids = {source["uid"] for source in data_sources()}
    assert panel["targets"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} <= uids


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_ids_of_their_own_and_do_not_overlap(name: str) -> None:
    """Links reach a panel by its id, and no panel hides another."""
    placed = json.loads(render(DASHBOARDS[name]))["panels"]
    assert len({panel["id"] for panel in placed}) == len(placed)
    cells = [
        (x, y)
        for position in (panel["gridPos"] for panel in placed)
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_exemplars_lead_to_the_trace() -> None:
    """The label that exemplars carry opens the trace in the Jaeger data source."""
    by_uid = {source["uid"]: source for source in data_sources()}
    destinations = by_uid["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert {destination["name"] for destination in destinations} == {"trace_id"}
    assert [d["datasourceUid"] for d in destinations if "datasourceUid" in d] == ["jaeger"]
    assert by_uid["jaeger"]["type"] == "jaeger"
