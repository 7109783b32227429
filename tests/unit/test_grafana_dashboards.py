"""The committed dashboards are what the code makes, and each panel says what it shows."""

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.files import DASHBOARDS, DIRECTORY, stale, write
from grafana.panels import Limits, thresholds
from stack.layout import ROOT
from tests.panels import ALERTS, MODELS, expressions, panels
from tests.unit.test_grafana_provisioning import data_sources

NO_FIGURES = {"logs", "traces"}
"""Panels of lines and spans: nothing in them has one unit, or a limit."""
ASKED = expressions()


def each(*types: str) -> pytest.MarkDecorator:
    """Run a test for each panel of these types, or of all."""
    chosen = [(where, panel) for where, panel in panels() if not types or panel["type"] in types]
    return pytest.mark.parametrize("panel", [pytest.param(panel, id=where) for where, panel in chosen])


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


@each()
def test_panel_has_data_source_unit_description_and_thresholds(panel: dict[str, Any]) -> None:
    """A reader is told what to conclude, in which unit, and from where on it is bad."""
    assert len(panel["description"]) >= 40
    assert {target["datasource"]["uid"] for target in panel["targets"]} in ({uid} for uid in data_sources())
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
def test_limits_become_colours(limits: Limits | None, steps: list[tuple[float | None, str]]) -> None:
    """A value above them is bad; or one below them, when the second limit is not the larger."""
    built = thresholds(limits).build()
    assert [(step.value, step.color) for step in built.steps] == steps


AXIS_REACHES = {"ops": 1, "reqps": 1, "s": 0.01, "percentunit": 0.01, "short": 10, "bytes": 1024**2}
"""What a quiet system's figures are read on; Grafana alone would draw 0 to 100, and 10,000 % of a share."""


@each("timeseries")
def test_chart_suits_flat_lines_many_series_and_gaps(panel: dict[str, Any]) -> None:
    """Its axis has room for its unit's small values, and its legend, a list, for more than two names.

    Figures stand beside names that are few for sure.
    """
    defaults, legend = panel["fieldConfig"]["defaults"], panel["options"]["legend"]
    names = [target["legendFormat"] for target in panel["targets"]]
    few = len(names) <= 3 and "{{" not in "".join(names)
    assert (defaults["min"], defaults["custom"]["axisSoftMax"]) == (0, AXIS_REACHES[defaults["unit"]])
    assert (legend["displayMode"], legend["calcs"]) == ("list", ["lastNotNull", "max"] if few else [])
    assert defaults["custom"]["spanNulls"] is False


@pytest.mark.parametrize("name", ASKED)
def test_expression_shows_what_there_is(name: str) -> None:
    """No line over a gap, no queue under two names, no process of before a restart.

    Sparklines are drawn over NaN, which a quantile of nothing is. The destination of a retry is another than
    that of the first attempt. An instant query finds samples that are a minute old.
    """
    expression = ASKED[name]
    assert expression.count("histogram_quantile(") == expression.count(" >= 0")
    if "messaging_process_" in expression:
        assert not re.search(r"by \([^)]*messaging_destination_name", expression)
    assert not re.search(r"(sum|count)( by \([^)]*\) )?\(up\b", expression)


@each("table")
def test_table_has_readable_columns_and_no_time(panel: dict[str, Any]) -> None:
    """Instant queries bring a time and, as `Value #A`, a value; a label's name is no title."""
    [target] = panel["targets"]
    if target["datasource"]["uid"] == "jaeger":  # a search, whose columns Grafana names
        return
    [organize] = panel["transformations"]
    [label] = re.findall(r" by \((\w+)\)", target["expr"])
    titles = organize["options"]["renameByName"]
    assert organize["options"]["excludeByName"] == {"Time": True}
    assert titles.keys() == {label, "Value", "Value #A"}
    assert titles["Value"] == titles["Value #A"] != titles[label]
    [narrow] = panel["fieldConfig"]["overrides"]
    assert (narrow["matcher"]["options"], narrow["properties"][0]["id"]) == (titles["Value"], "custom.width")
    assert panel["fieldConfig"]["defaults"]["custom"]["cellOptions"]["wrapText"] is True


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_ids_of_their_own_and_fill_their_lines(name: str) -> None:
    """Links reach a panel by its id; no panel hides another, or stands alone in a line."""
    placed = MODELS[name]["panels"]
    assert len({panel["id"] for panel in placed}) == len(placed)
    cells = sorted(
        (x, y)
        for at in (panel["gridPos"] for panel in placed)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    )
    assert cells == list(product(range(24), range(max(y for _, y in cells) + 1)))


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
def test_every_dashboard_leads_to_all_others_and_shows_alerts(name: str) -> None:
    """By the tag that they share; where a panel leads, there is another dashboard. Charts show alerts."""
    [link] = MODELS[name]["links"]
    assert (link["type"], link["keepTime"]) == ("dashboards", True)
    assert all(set(link["tags"]) <= set(model["tags"]) for model in MODELS.values())
    uids = {model["uid"] for model in MODELS.values()}
    links = [link for panel in MODELS[name]["panels"] for link in panel.get("links", ())]
    assert {link["url"].removeprefix("/d/") for link in links} <= uids - {MODELS[name]["uid"]}
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
    led = {uid for alert in ALERTS.values() for uid in re.findall(r"/d/([\w-]+)", str(alert))}
    assert led <= uids
