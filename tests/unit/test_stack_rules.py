"""Alerts of the native stack are compose's: at its addresses, and for drills at a faster pace."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import components, programs
from stack.components import Plan
from stack.layout import ROOT, Layout
from stack.ports import Ports
from stack.servers.rules import RANGE, WAIT, faster, native_routes, native_rules

RULES = sorted((ROOT / "observability" / "config" / "rules").glob("*.yaml"))
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


@pytest.mark.parametrize("path", [*RULES, ROUTES], ids=lambda path: path.parent.name + " " + path.stem)
def test_a_faster_pace_is_the_same_rules(path: Path) -> None:
    """Blank the durations, and the slow and the fast file are one; at its own pace it is untouched."""
    text = path.read_text()
    assert faster(text, 1) == text
    fast = faster(text, 60)
    assert fast != text
    assert blanked(fast) == blanked(text)


def blanked(text: str) -> str:
    """Return rules without their durations."""
    return WAIT.sub(r"\1", RANGE.sub("[]", text))


def test_rules_lead_to_the_grafana_of_the_stack() -> None:
    """Wherever its port is."""
    for path in RULES:
        text = native_rules(path, 3001, 1)
        assert "http://127.0.0.1:3001/d/orderscope-" in text
        assert ":3000" not in text


def test_alerts_go_to_the_inbox_of_the_stack() -> None:
    """Everything else is as compose has it."""
    ours: dict[str, Any] = yaml.safe_load(native_routes(ROUTES, 1234, 1))
    assert ours["global"].pop("smtp_smarthost") == "127.0.0.1:1234"
    committed = yaml.safe_load(ROUTES.read_text())
    assert committed["global"].pop("smtp_smarthost") == "mailpit:1025"
    assert ours == committed


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
    assert set(spec.files) == {home / "prometheus.yml", *(home / "rules" / path.name for path in RULES)}
    configuration = yaml.safe_load(spec.files[home / "prometheus.yml"])
    assert configuration["rule_files"] == [f"rules/{path.name}" for path in RULES]
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
