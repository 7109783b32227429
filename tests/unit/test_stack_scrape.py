"""The native scrape configuration has the same jobs as `prometheus.yml`, at other addresses."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.components import scrape_targets
from stack.errors import StackError
from stack.layout import ROOT
from stack.ports import Ports
from stack.servers.scrape import ALERTMANAGER, derive, rule_files

Document = dict[str, Any]


def derived(tmp_path: Path, source: Document | str, **targets: list[str]) -> Document:
    """Return what is derived from a source."""
    file = tmp_path / "prometheus.yml"
    file.write_text(source if isinstance(source, str) else yaml.safe_dump(source))
    document: Document = yaml.safe_load(derive(file, targets))
    return document


def test_discovery_is_replaced_by_addresses(tmp_path: Path) -> None:
    """Whatever kind it was: names of containers mean nothing here."""
    job = {
        "job_name": "api",
        "dns_sd_configs": [{"names": ["api"]}],
        "file_sd_configs": [{"files": ["x"]}],
        "static_configs": [{"targets": ["api:8000"]}, {"targets": ["api-2:8000"]}],
    }
    result = derived(tmp_path, {"scrape_configs": [job]}, api=["127.0.0.1:1", "127.0.0.1:2"])
    assert result["scrape_configs"] == [
        {"job_name": "api", "static_configs": [{"targets": ["127.0.0.1:1", "127.0.0.1:2"]}]}
    ]


def test_every_other_setting_stays(tmp_path: Path) -> None:
    """Of a job: paths, intervals, relabelling, labels of static targets; and all that is outside the jobs."""
    kept = {
        "job_name": "api",
        "metrics_path": "/metrics/detailed",
        "metric_relabel_configs": [{"action": "drop"}],
    }
    job = {**kept, "static_configs": [{"targets": ["api:8000"], "labels": {"tier": "front"}}]}
    source = {"global": {"scrape_interval": "5s"}, "remote_write": [{"url": "x"}], "scrape_configs": [job]}
    targets = [{"targets": ["127.0.0.1:1"], "labels": {"tier": "front"}}]
    expected = {**source, "scrape_configs": [{**kept, "static_configs": targets}]}
    assert derived(tmp_path, source, api=["127.0.0.1:1"]) == expected


def test_rule_files_are_found_where_the_source_looks_for_them(tmp_path: Path) -> None:
    """Patterns are resolved against the folder that it is in."""
    (tmp_path / "rules").mkdir()
    for name in ("b.yaml", "a.yaml", "c.txt"):
        (tmp_path / "rules" / name).touch()
    source = tmp_path / "prometheus.yml"
    source.write_text(yaml.safe_dump({"rule_files": ["rules/*.yaml"]}))
    assert rule_files(source) == [tmp_path / "rules" / "a.yaml", tmp_path / "rules" / "b.yaml"]


def test_rule_files_and_the_receiver_of_alerts_are_the_given_ones(tmp_path: Path) -> None:
    """Settings of alerting beside the address stay."""
    alerting = {"alert_relabel_configs": [], "alertmanagers": [{"dns_sd_configs": [{"names": ["x"]}]}]}
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules/*.yaml"], "alerting": alerting}))
    result = yaml.safe_load(derive(file, {"alertmanager": ["127.0.0.1:1"]}, ["rules/a.yaml"]))
    assert result["rule_files"] == ["rules/a.yaml"]
    receivers = [{"static_configs": [{"targets": ["127.0.0.1:1"]}]}]
    assert result["alerting"] == {"alert_relabel_configs": [], "alertmanagers": receivers}


def test_a_job_without_an_address_is_an_error_that_names_it(tmp_path: Path) -> None:
    """A job that is only in compose would otherwise be missing natively; it says where to add it."""
    with pytest.raises(StackError, match="no targets for the job 'mailpit'") as error:
        derived(tmp_path, {"scrape_configs": [{"job_name": "mailpit"}]}, api=["127.0.0.1:1"])
    [place] = re.findall(r"\((stack/.*)\)", str(error.value))
    assert f"def {scrape_targets.__name__}(" in (ROOT / place).read_text()


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "{"])
def test_a_source_that_is_none_is_a_clear_error(tmp_path: Path, text: str) -> None:
    """Empty, a list, or no YAML."""
    with pytest.raises(StackError, match=r"prometheus\.yml"):
        derived(tmp_path, text)


def test_a_missing_source_is_a_clear_error(tmp_path: Path) -> None:
    """It says which file."""
    with pytest.raises(StackError, match=r"cannot read .*/prometheus\.yml"):
        derive(tmp_path / "prometheus.yml", {})


def test_the_real_configuration_can_be_derived() -> None:
    """Each job of compose has an address in the native stack, and none is left over."""
    targets = scrape_targets(Ports(), with_jaeger=True)
    document = yaml.safe_load(derive(ROOT / "prometheus.yml", targets))
    assert {job["job_name"] for job in document["scrape_configs"]} == set(targets) - {ALERTMANAGER}
    assert rule_files(ROOT / "prometheus.yml")
    assert "dns_sd_configs" not in str(document)


@pytest.mark.parametrize("with_jaeger", [True, False])
def test_jaeger_is_scraped_where_it_runs(*, with_jaeger: bool) -> None:
    """Its job is there all the same, and is no target that is down."""
    targets = scrape_targets(Ports(jaeger_metrics=7), with_jaeger=with_jaeger)
    document = yaml.safe_load(derive(ROOT / "prometheus.yml", targets))
    [job] = [job for job in document["scrape_configs"] if job["job_name"] == "jaeger"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:7"] if with_jaeger else []}]
