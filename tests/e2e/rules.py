"""The expressions of alerts and recording rules, as Prometheus loads them."""

from typing import Any

import yaml

from stack.layout import ROOT
from tests.promql import selectors

RULES: list[dict[str, Any]] = [
    rule
    for path in sorted((ROOT / "observability" / "config" / "rules").glob("*.yaml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
ONLY_IN_TROUBLE = frozenset({"slo:burning"})
"""Recorded series that are there while a budget burns, and not else."""
EXPRESSIONS = {
    f"{rule.get('alert', rule.get('record'))} {number}": str(rule["expr"])
    for number, rule in enumerate(RULES)
}


def with_data() -> list[str]:
    """Return what must have data a minute after the start, whatever goes on.

    An alert's expression has none while all is well, so it is every selector of the rules, and every series
    that they record.
    """
    asked = {one for text in EXPRESSIONS.values() for one in selectors(text)}
    asked |= {rule["record"] for rule in RULES if "record" in rule}
    return sorted(one for one in asked if one.partition("{")[0] not in ONLY_IN_TROUBLE)
