"""The committed dashboards are what the code makes, and each panel says what it shows."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.files import DASHBOARDS, DIRECTORY, stale, write
from grafana.panels import thresholds
from stack.layout import ROOT
from tests.panels import MODELS, panels
from tests.unit.test_grafana_provisioning import data_sources

NO_FIGURES = {"logs", "traces"}
"""Panels of lines and spans: nothing in them has one unit, or a limit."""
each_panel = pytest.mark.parametrize("panel", [pytest.param(panel, id=where) for where, panel in panels()])


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


@each_panel
def test_panel_has_unit_description_and_thresholds(panel: dict[str, Any]) -> None:
    """A reader is told what to conclude, in which unit, and from where on it is bad."""
    assert len(panel["description"]) >= 40
    if panel["type"] in NO_FIGURES:
        return
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    limits = [step["value"] for step in defaults["thresholds"]["steps"]]
    assert limits[0] is None
    assert limits[1:] == sorted(limits[1:])


@pytest.mark.parametrize(
    ("limits", "steps"),
    [
        (None, [(None, "green")]),
        ((1, 10), [(None, "green"), (1, "orange"), (10, "red")]),
        ((0.5, 0.1), [(None, "red"), (0.1, "orange"), (0.5, "green")]),
        ((1, 1), [(None, "red"), (1, "green")]),
    ],
)
def test_limits_become_colours(
    limits: tuple[float, float] | None, steps: list[tuple[float | None, str]]
) -> None:
    """A value above them is bad; or one below them, when the second limit is not the larger."""
    built = thresholds(limits).build()
    assert [(step.value, step.color) for step in built.steps] == steps


@each_panel
def test_panel_asks_a_provisioned_data_source(panel: dict[str, Any]) -> None:
    """Every query names a data source by a uid that provisioning fixes."""
    assert panel["targets"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} <= data_sources().keys()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_ids_of_their_own_and_do_not_overlap(name: str) -> None:
    """Links reach a panel by its id, and no panel hides another."""
    placed = MODELS[name]["panels"]
    assert len({panel["id"] for panel in placed}) == len(placed)
    cells = [
        (x, y)
        for position in (panel["gridPos"] for panel in placed)
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_field_is_one_of_grafanas_schema(name: str) -> None:
    """The SDK's models are generated from it: read into them and written again, nothing gets lost.

    What only the browser decides (does a panel draw its answer?) needs a Grafana, and is not tested here.
    """
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(MODELS[name])))
    for link in again["links"]:
        del link["placement"]  # a default of the SDK that we leave out
    assert again == MODELS[name]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_dashboard_leads_to_all_others(name: str) -> None:
    """By the tag that they share; where a panel leads, there is a dashboard."""
    [link] = MODELS[name]["links"]
    assert (link["type"], link["keepTime"]) == ("dashboards", True)
    assert all(set(link["tags"]) <= set(model["tags"]) for model in MODELS.values())
    uids = {model["uid"] for model in MODELS.values()}
    links = [link for panel in MODELS[name]["panels"] for link in panel.get("links", ())]
    assert {link["url"].removeprefix("/d/") for link in links} <= uids


@pytest.mark.parametrize("name", DASHBOARDS)
def test_alerts_are_seen_on_every_dashboard(name: str) -> None:
    """When they fired, beside what they were about."""
    [alerts] = MODELS[name]["annotations"]["list"]
    assert (alerts["expr"], alerts["enable"]) == ('ALERTS{alertstate="firing"}', True)


RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_runbooks_send_their_readers_to_dashboards_and_panels_that_exist(runbook: Path) -> None:
    """A dashboard is named in italics, its panel or row after it in quotes."""
    titles = {model["title"]: {panel["title"] for panel in model["panels"]} for model in MODELS.values()}
    [line] = re.findall(r"^- Dashboard.*$", runbook.read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r'[*](\w[^*]*)[*](?:, "([^"]+)")?', line)
    assert named
    for dashboard, panel in named:
        assert dashboard in titles
        assert not panel or panel in titles[dashboard]


def test_alerts_lead_to_dashboards_that_exist() -> None:
    """The address in an alert's email names one by its uid."""
    uids = {model["uid"] for model in MODELS.values()}
    rules = sorted((ROOT / "observability" / "config" / "rules").glob("*.yaml"))
    led = {uid for path in rules for uid in re.findall(r"/d/([\w-]+)", path.read_text(encoding="utf-8"))}
    assert led
    assert led <= uids
