"""Every alert says how bad it is, what is wrong, where to look and what to do."""

import re

import pytest

from stack.layout import ROOT
from tests.panels import ALERTS

RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["Meaning", "What to look at", "How to fix"]


each_alert = pytest.mark.parametrize("name", ALERTS)


@each_alert
def test_alert_says_what_its_reader_needs(name: str) -> None:
    """A severity of its own or of its rule's result, a text with values, a dashboard and its runbook."""
    alert = ALERTS[name]
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in {"page", "ticket", "{{ $labels.severity }}"}
    annotations = alert["annotations"]
    assert annotations.keys() == {"summary", "description", "dashboard", "runbook_url"}
    assert re.search(r"\{\{ \$(value|labels)", annotations["description"])
    assert re.match(
        r"http://127\.0\.0\.1:3000/d/orderscope-[a-z]+($|\?var-service=)", annotations["dashboard"]
    )
    assert annotations["runbook_url"] == f"docs/runbooks/{name}.md"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """No alert comes without instructions, and no runbook is about an alert that was removed."""
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == sorted(ALERTS)


@each_alert
def test_runbook_says_what_it_means_where_to_look_and_how_to_fix_it(name: str) -> None:
    """A panel, an expression, a log query and a trace search; links lead to pages that exist."""
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    meaning, look, fix = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert len(meaning.split()) >= 15
    assert all(f"\n- {kind}" in look for kind in ("Dashboard", "PromQL", "Logs", "Traces"))
    assert fix.count("\n- ") >= 2
    assert all((RUNBOOKS / target).is_file() for target in re.findall(r"\]\(([^)]+)\)", text))
