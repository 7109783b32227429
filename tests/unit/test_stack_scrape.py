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


def derived(tmp_path: Path, source: Document, **targets: list[str]) -> Document:
    """Return what is derived from a source."""
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(source))
    document: Document = yaml.safe_load(derive(file, targets, ["rules/a.yaml"]))
    return document


def test_addresses_are_replaced_and_every_other_setting_stays(tmp_path: Path) -> None:
    """Names of containers mean nothing here, however they are discovered; labels and intervals do."""
    kept = {
        "job_name": "api",
        "metrics_path": "/metrics/detailed",
        "metric_relabel_configs": [{"action": "drop"}],
    }
    job = {
        **kept,
        "dns_sd_configs": [{"names": ["api"]}],
        "file_sd_configs": [{"files": ["x"]}],
        "static_configs": [
            {"targets": ["api:8000"], "labels": {"tier": "front"}},
            {"targets": ["api-2:8000"]},
        ],
    }
    alerting = {"alert_relabel_configs": [], "alertmanagers": [{"dns_sd_configs": [{"names": ["x"]}]}]}
    source = {
        "global": {"scrape_interval": "5s"},
        "scrape_configs": [job],
        "alerting": alerting,
        "rule_files": ["x"],
    }
    assert derived(tmp_path, source, api=["127.0.0.1:1", "127.0.0.1:2"], alertmanager=["127.0.0.1:3"]) == {
        "global": {"scrape_interval": "5s"},
        "scrape_configs": [
            {
                **kept,
                "static_configs": [{"targets": ["127.0.0.1:1", "127.0.0.1:2"], "labels": {"tier": "front"}}],
            }
        ],
        "alerting": {
            "alert_relabel_configs": [],
            "alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:3"]}]}],
        },
        "rule_files": ["rules/a.yaml"],
    }


def test_rule_files_are_found_where_the_source_looks_for_them(tmp_path: Path) -> None:
    """Patterns are resolved against the folder that it is in."""
    (tmp_path / "rules").mkdir()
    for name in ("b.yaml", "a.yaml", "c.txt"):
        (tmp_path / "rules" / name).touch()
    source = tmp_path / "prometheus.yml"
    source.write_text(yaml.safe_dump({"rule_files": ["rules/*.yaml"]}))
    assert rule_files(source) == [tmp_path / "rules" / "a.yaml", tmp_path / "rules" / "b.yaml"]


def test_a_job_without_an_address_is_an_error_that_names_it(tmp_path: Path) -> None:
    """A job that is only in compose would otherwise be missing natively; it says where to add it."""
    with pytest.raises(StackError, match="no targets for the job 'mailpit'") as error:
        derived(tmp_path, {"scrape_configs": [{"job_name": "mailpit"}]}, api=["127.0.0.1:1"])
    [place] = re.findall(r"\((stack/.*)\)", str(error.value))
    assert f"def {scrape_targets.__name__}(" in (ROOT / place).read_text()


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "{", None])
def test_a_source_that_is_none_is_a_clear_error(tmp_path: Path, text: str | None) -> None:
    """Empty, a list, no YAML, or not there."""
    if text is not None:
        (tmp_path / "prometheus.yml").write_text(text)
    with pytest.raises(StackError, match=r"prometheus\.yml"):
        derive(tmp_path / "prometheus.yml", {})


@pytest.mark.parametrize("with_jaeger", [True, False])
def test_the_real_configuration_can_be_derived(*, with_jaeger: bool) -> None:
    """Each job of compose has an address in the native stack, and none is left over.

    Jaeger's job is there without Jaeger, too, and is no target that is down.
    """
    targets = scrape_targets(Ports(jaeger_metrics=7), with_jaeger=with_jaeger)
    document = yaml.safe_load(derive(ROOT / "prometheus.yml", targets))
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in document["scrape_configs"]}
    assert jobs.keys() == set(targets) - {ALERTMANAGER}
    assert jobs["jaeger"] == (["127.0.0.1:7"] if with_jaeger else [])
    assert rule_files(ROOT / "prometheus.yml")
    assert "dns_sd_configs" not in str(document)
