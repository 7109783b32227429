"""Alerts and scrape jobs of the native stack are compose's: at its addresses, for drills at a faster pace."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import components, programs
from stack.components import Plan, scrape_targets
from stack.errors import StackError
from stack.layout import ROOT, Layout
from stack.ports import Ports
from stack.servers.configuration import ALERTMANAGER, RANGE, WAIT, faster, rule_files, scraping
from tests.panels import RULE_FILES

ROUTES = ROOT / "observability" / "config" / "alertmanager" / "config.yaml"


@pytest.mark.parametrize(
    ("slow", "fast"),
    [
        ("rate(x[1h])", "rate(x[60s])"),
        ("rate(x[6h]) / rate(y[3d]) > 0.1", "rate(x[360s]) / rate(y[4320s]) > 0.1"),
        ("rate(x[5m])", "rate(x[15s])"),
        ("for: 2m", "for: 2s"),
        ("for: 30s", "for: 1s"),
        ("interval: 2m", "interval: 2s"),
        ("group_interval: 5m", "group_interval: 5s"),
        ("x > 30", "x > 30"),
        ("scrape_interval: 5m", "scrape_interval: 5m"),
        ("rate5m", "rate5m"),
    ],
)
def test_windows_and_waits_are_shorter_and_nothing_else(slow: str, fast: str) -> None:
    """A range keeps three scrapes, a wait a second; thresholds and names stay."""
    assert faster(slow, 60) == fast


@pytest.mark.parametrize("path", [*RULE_FILES, ROUTES], ids=lambda path: path.parent.name + " " + path.stem)
def test_a_faster_pace_is_the_same_rules(path: Path) -> None:
    """Blank the durations, and the slow and the fast file are one; at its own pace it is untouched."""
    text = path.read_text()
    assert faster(text, 1) == text
    fast = faster(text, 60)
    assert fast != text
    blanked = {WAIT.sub(r"\1", RANGE.sub("[]", each)) for each in (text, fast)}
    assert len(blanked) == 1


@pytest.mark.parametrize(
    ("environ", "wait"), [({}, "2m"), ({"DRILL_FAST": "0"}, "2m"), ({"DRILL_FAST": "1"}, "2s")]
)
def test_prometheus_is_given_every_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], wait: str
) -> None:
    """Beside its configuration, which names each, at the pace of the environment."""
    monkeypatch.setattr(programs, "require", lambda program: Path("/bin") / program.command)
    layout = Layout(tmp_path)
    spec = components.spec(Plan(layout, Ports(alertmanager=7), environ), "prometheus")
    home = layout.data("prometheus")
    assert set(spec.files) == {home / "prometheus.yml", *(home / "rules" / path.name for path in RULE_FILES)}
    configuration = yaml.safe_load(spec.files[home / "prometheus.yml"])
    assert configuration["rule_files"] == [f"rules/{path.name}" for path in RULE_FILES]
    assert "127.0.0.1:7" in str(configuration["alerting"])
    assert f"for: {wait}" in spec.files[home / "rules" / "alerts.yaml"]


def test_alertmanager_has_no_peers_and_listens_here_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs Debian's program or the one on the PATH, with the routes at the pace of the environment."""
    monkeypatch.setattr(programs, "require", lambda program: Path("/bin") / program.command)
    layout = Layout(tmp_path)
    spec = components.spec(Plan(layout, Ports(alertmanager=7, smtp=8), {"DRILL_FAST": "1"}), "alertmanager")
    assert spec.command[0] == "/bin/alertmanager"
    assert {"--web.listen-address=127.0.0.1:7", "--cluster.listen-address="} <= set(spec.command)
    (text,) = spec.files.values()
    assert "127.0.0.1:8" in text
    assert "group_interval: 1s" in text


def derived(tmp_path: Path, source: dict[str, Any], **targets: list[str]) -> dict[str, Any]:
    """Return what is derived from a source."""
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(source))
    document: dict[str, Any] = yaml.safe_load(scraping(file, targets, ["rules/a.yaml"]))
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
        scraping(tmp_path / "prometheus.yml", {})


@pytest.mark.parametrize("with_jaeger", [True, False])
def test_the_real_configuration_can_be_derived(*, with_jaeger: bool) -> None:
    """Each job of compose has an address in the native stack, and none is left over.

    Jaeger's job is there without Jaeger, too, and is no target that is down.
    """
    targets = scrape_targets(Ports(jaeger_metrics=7), with_jaeger=with_jaeger)
    document = yaml.safe_load(scraping(ROOT / "prometheus.yml", targets))
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in document["scrape_configs"]}
    assert jobs.keys() == set(targets) - {ALERTMANAGER}
    assert jobs["jaeger"] == (["127.0.0.1:7"] if with_jaeger else [])
    assert rule_files(ROOT / "prometheus.yml")
    assert "dns_sd_configs" not in str(document)
