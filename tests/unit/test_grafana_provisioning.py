"""From any signal to the others: what Grafana is told of its data sources."""

import re
from typing import Any

import pytest
import yaml

from stack.layout import ROOT
from stack.ports import Ports
from stack.servers import grafana
from tests.panels import MODELS

FILE = ROOT / "grafana" / "provisioning" / "datasources" / "datasources.yaml"
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


def test_exemplars_lead_to_the_trace() -> None:
    """The label that exemplars carry opens the trace in the Jaeger data source."""
    destinations = data_sources()["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert {destination["name"] for destination in destinations} == {"trace_id"}
    assert [d["datasourceUid"] for d in destinations if "datasourceUid" in d] == ["jaeger"]


def test_a_trace_leads_to_its_log_lines_and_its_services_metrics() -> None:
    """By the field that log lines carry, and by the job that a service is scraped as."""
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


@pytest.mark.parametrize("where", ["compose", "native"])
def test_every_variable_is_given(where: str) -> None:
    """An address that nobody gives would be empty; what is no variable is escaped."""
    wanted = {name for line in _values() for name in VARIABLE.findall(line)}
    assert wanted == {"PROMETHEUS_URL", "JAEGER_URL", "JAEGER_UI_URL", "LOKI_URL"}
    assert wanted <= _given(where)


def _values() -> list[str]:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return [line.split("#")[0] for line in lines]


def _given(where: str) -> set[str]:
    if where == "compose":
        services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
        return set(services["grafana"]["environment"])
    return set(grafana.spec(ROOT / "grafana", ROOT, Ports(), ROOT, {}).environment)
