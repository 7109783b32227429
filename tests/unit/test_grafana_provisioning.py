"""From any signal to the others: what Grafana is told of its data sources."""

import re
from configparser import ConfigParser
from typing import Any

import yaml

from stack.layout import ROOT
from stack.ports import Ports
from stack.servers import grafana
from tests.panels import MODELS

FILE = ROOT / "grafana" / "provisioning" / "datasources" / "datasources.yaml"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
VARIABLE = re.compile(r"(?<!\$)\$(?!\$)\{?(\w+)")


def data_sources() -> dict[str, dict[str, Any]]:
    """Return the data sources that Grafana is provisioned with, by uid."""
    sources = yaml.safe_load(FILE.read_text(encoding="utf-8"))["datasources"]
    return {source["uid"]: source for source in sources}


def test_the_uids_are_those_that_dashboards_name() -> None:
    """Each kind once, under the name of its kind."""
    assert {uid: source["type"] for uid, source in data_sources().items()} == {
        "prometheus": "prometheus",
        "jaeger": "jaeger",
        "loki": "loki",
    }


def test_an_exemplar_leads_to_its_trace_and_that_to_its_log_lines_and_its_services_metrics() -> None:
    """By the label of exemplars, the field that log lines carry, and the job that a service is scraped as."""
    destinations = data_sources()["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert {destination["name"] for destination in destinations} == {"trace_id"}
    assert [d["datasourceUid"] for d in destinations if "datasourceUid" in d] == ["jaeger"]
    settings = data_sources()["jaeger"]["jsonData"]
    logs, metrics = settings["tracesToLogsV2"], settings["tracesToMetrics"]
    assert (logs["datasourceUid"], logs["customQuery"]) == ("loki", True)
    assert 'trace_id="$${__trace.traceId}"' in logs["query"]
    assert metrics["datasourceUid"] == "prometheus"
    assert metrics["tags"] == [{"key": "service.name", "value": "job"}]
    assert all("{$$__tags}" in query["query"] for query in metrics["queries"])


def test_a_log_line_leads_to_its_trace_and_its_order() -> None:
    """Its trace opens in Jaeger, its correlation id in the dashboard that follows an order."""
    fields = {field["name"]: field for field in data_sources()["loki"]["jsonData"]["derivedFields"]}
    assert all((f["matcherType"], f["matcherRegex"]) == ("label", name) for name, f in fields.items())
    assert (fields["trace_id"]["datasourceUid"], fields["trace_id"]["url"]) == ("jaeger", "$${__value.raw}")
    follow = MODELS["follow.json"]
    variables = {variable["name"] for variable in follow["templating"]["list"]}
    path, _, query = fields["correlation_id"]["url"].partition("?")
    assert path == f"/d/{follow['uid']}"
    assert query.removeprefix("var-").split("=")[0] in variables


def test_every_variable_is_given() -> None:
    """An address that nobody gives would be empty; what is no variable is escaped."""
    wanted = set(VARIABLE.findall(re.sub("#.*", "", FILE.read_text(encoding="utf-8"))))
    assert wanted == {"PROMETHEUS_URL", "JAEGER_URL", "JAEGER_UI_URL", "LOKI_URL"}
    assert wanted <= COMPOSE["grafana"]["environment"].keys()
    assert wanted <= grafana.spec(ROOT / "grafana", ROOT, Ports(), ROOT, {}).environment.keys()


def test_no_folder_is_missing() -> None:
    """Grafana logs an error for each that is not there; Git keeps those that have a file."""
    folders = [FILE.parents[1] / name for name in ("alerting", "notifiers", "plugins")]
    assert [[file.name for file in folder.iterdir()] for folder in folders] == [[".gitkeep"]] * 3


def test_jaeger_is_one_that_grafana_can_ask() -> None:
    """Later ones have /api/v3 only, which Grafana 13.1 asks with the toggle, but for the search by tags."""
    settings = ConfigParser()
    settings.read(ROOT / "grafana" / "grafana.ini")
    assert settings["feature_toggles"]["enable"] == "jaegerEnableGrpcEndpoint"
    pinned = COMPOSE["jaeger"]["image"].partition(":")[2]
    assert tuple(map(int, pinned.split("."))) < (2, 21)
