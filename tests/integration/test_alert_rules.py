"""Every alert fires when it should and only then: `tests/rules` has a story for each, for promtool."""

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import install, programs
from stack.layout import ROOT, Layout
from stack.progress import progress_on
from tests.panels import ALERTS, RULE_FILES

STORIES = sorted((ROOT / "tests" / "rules").glob("*.yaml"))
pytestmark = pytest.mark.timeout(180)  # days of budgets take a while to evaluate
each_story = pytest.mark.parametrize("story", [pytest.param(path, id=path.stem) for path in STORIES])


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program that comes with Prometheus."""
    install.ensure(["prometheus"], Layout(tmp_path_factory.mktemp("run")), progress_on())
    return programs.require(programs.PROMTOOL)


def run(promtool: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run promtool within two minutes."""
    return subprocess.run(  # noqa: S603 - Prometheus's own program
        [str(promtool), *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_rules_are_what_prometheus_takes(promtool: Path) -> None:
    """Also in the configuration that names them."""
    result = run(promtool, "check", "rules", "--lint-fatal", *map(str, RULE_FILES))
    assert result.returncode == 0, result.stdout + result.stderr
    result = run(promtool, "check", "config", str(ROOT / "prometheus.yml"))
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(RULE_FILES)} rule files found" in result.stdout


def test_every_alert_has_a_story() -> None:
    """And no story is about an alert that is not there."""
    assert [path.stem for path in STORIES] == sorted(ALERTS)


@each_story
def test_story_has_both_ends(story: Path) -> None:
    """It is about its alert alone, which fires in it, and stays silent before and after."""
    cases: list[dict[str, Any]] = [
        case for test in yaml.safe_load(story.read_text())["tests"] for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases} == {story.stem}
    fires = [bool(case["exp_alerts"]) for case in cases]
    assert not fires[0]
    assert any(fires)


def test_an_alert_hides_only_what_it_has_a_label_in_common_with() -> None:
    """Both alerts of an inhibition have the labels that it compares: two that lack one are equal, too."""
    routes = yaml.safe_load((ROOT / "observability/config/alertmanager/config.yaml").read_text())
    for rule in routes["inhibit_rules"]:
        assert rule["equal"]
        for name in re.findall(r'alertname="(\w+)"', str(rule)):
            story = yaml.safe_load((ROOT / "tests" / "rules" / f"{name}.yaml").read_text())
            fired = [one for case in story["tests"][0]["alert_rule_test"] for one in case["exp_alerts"]]
            assert all(one["exp_labels"].keys() >= set(rule["equal"]) for one in fired)


@pytest.fixture(scope="module")
def results(promtool: Path) -> Iterator[dict[Path, "Future[subprocess.CompletedProcess[str]]"]]:
    """Return promtool's result for each story; the long ones are checked first, two at a time."""
    longest_first = sorted(STORIES, key=lambda story: "BudgetBurn" not in story.stem)
    with ThreadPoolExecutor(2) as threads:
        yield {story: threads.submit(run, promtool, "test", "rules", str(story)) for story in longest_first}


@each_story
def test_alert_fires_when_it_should(
    results: dict[Path, "Future[subprocess.CompletedProcess[str]]"], story: Path
) -> None:
    """At the times in its story, with these labels and this text, and at no other time."""
    result = results[story].result(timeout=170)
    assert result.returncode == 0, re.sub(r"\s*\n\s*\n", "\n", result.stdout + result.stderr)
