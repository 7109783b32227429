"""The panels of the dashboards, their PromQL as Grafana would send it, and the rules of Prometheus."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from grafana.files import DASHBOARDS, render
from stack.layout import ROOT

SERVICES = ("api", "worker", "notifier")
FILLED_IN = {"$__rate_interval": "20s", "$__range": "15m"}
"""What Grafana makes of its variables for a scrape every 5 s and the dashboards' 15 minutes."""

MODELS: dict[str, dict[str, Any]] = {name: json.loads(render(build)) for name, build in DASHBOARDS.items()}
"""The dashboards as JSON, by file."""
RULE_FILES = sorted((ROOT / "observability" / "config" / "rules").glob("*.yaml"))
RULES: list[dict[str, Any]] = [
    rule
    for path in RULE_FILES
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every panel, and where it is; rows are titles, not panels."""
    for name, model in MODELS.items():
        for panel in model["panels"]:
            if panel["type"] != "row":
                yield f"{name}: {panel['title']}", panel


def expressions() -> dict[str, str]:
    """Return every PromQL expression of every panel, for each service where there is a choice."""
    found = {}
    for where, panel in panels():
        for target in panel["targets"]:
            if target["datasource"]["uid"] != "prometheus":
                continue
            for service in SERVICES if "$service" in target["expr"] else ("",):
                name = " ".join(filter(None, (f"{panel['id']} {where} {target['refId']}", service)))
                found[name] = fill_in(target["expr"], service)
    return found


def fill_in(expression: str, service: str) -> str:
    """Return an expression with its variables' values in their places."""
    for variable, value in {**FILLED_IN, "$service": service}.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression.replace('"$1"', ""), f"a variable that nobody fills in: {expression}"
    return expression
