"""Alert rules and Alertmanager's configuration of the native stack: compose's, elsewhere, at any pace."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stack.errors import StackError

Document = dict[str, Any]
GRAFANA = "http://127.0.0.1:3000"
"""Where compose serves it: what the committed rules name."""
FAST = 60
"""With `DRILL_FAST=1` a minute is a second."""
SHORTEST_RANGE_SECONDS = 15
"""A rate needs two samples; a scrape may come late."""
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RANGE = re.compile(r"\[(\d+)([smhd])\]")
WAIT = re.compile(r"\b(for|interval|group_wait|group_interval|repeat_interval): (\d+)([smhd])\b")


def pace(environ: Mapping[str, str]) -> int:
    """Return how many times faster than written windows and waits are to be."""
    return FAST if environ.get("DRILL_FAST") == "1" else 1


def faster(text: str, times: int) -> str:
    """Return rules, or routes of alerts, with every window and every wait so many times shorter.

    Expressions, objectives and thresholds stay. Nothing becomes shorter than a second, no range shorter than
    three scrapes.
    """
    if times == 1:
        return text

    def window(match: re.Match[str]) -> str:
        return f"[{max(SHORTEST_RANGE_SECONDS, _seconds(*match.groups()) // times)}s]"

    def wait(match: re.Match[str]) -> str:
        name, number, unit = match.groups()
        return f"{name}: {max(1, _seconds(number, unit) // times)}s"

    return WAIT.sub(wait, RANGE.sub(window, text))


def native_rules(source: Path, grafana: int, times: int) -> str:
    """Return a rule file that leads to the Grafana of this stack, at a pace."""
    return faster(source.read_text(encoding="utf-8").replace(GRAFANA, f"http://127.0.0.1:{grafana}"), times)


def native_routes(source: Path, smtp: int, times: int) -> str:
    """Return Alertmanager's configuration with the inbox of this stack, at a pace.

    Raises:
        StackError: The source is missing or no mapping.
    """
    document = configuration(source, times)
    document.setdefault("global", {})["smtp_smarthost"] = f"127.0.0.1:{smtp}"
    return yaml.safe_dump(document, sort_keys=False)


def configuration(source: Path, times: int = 1) -> Document:
    """Return a configuration file, at a pace.

    Raises:
        StackError: It is missing or no mapping.
    """
    try:
        document = yaml.safe_load(faster(source.read_text(encoding="utf-8"), times))
    except (OSError, yaml.YAMLError) as error:
        raise StackError(f"cannot read {source}: {error}") from error
    if not isinstance(document, dict):
        raise StackError(f"{source} is no configuration")
    return document


def _seconds(number: str, unit: str) -> int:
    return int(number) * SECONDS[unit]
