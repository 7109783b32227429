"""What Prometheus and Alertmanager are configured with natively: as in compose, elsewhere, at any pace."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stack.errors import StackError

Document = dict[str, Any]
ALERTMANAGER = "alertmanager"
"""The name under which its address is among the targets of scrape jobs."""
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


def scraping(source: Path, targets: Mapping[str, Sequence[str]], rules: Iterable[str] = ()) -> str:
    """Return a Prometheus configuration with each job's discovery replaced by the targets of its name.

    Everything else stays, but for the rule files, which are `rules`, and where alerts are sent.

    Raises:
        StackError: The source is missing or no mapping, or a job has no targets here.
    """
    document = configuration(source)
    jobs = [_native(job, targets, source) for job in document.get("scrape_configs") or ()]
    derived = {**document, "scrape_configs": jobs}
    if "rule_files" in document:
        derived["rule_files"] = list(rules)
    if "alerting" in document:
        receivers = [{"static_configs": [{"targets": list(targets[ALERTMANAGER])}]}]
        derived["alerting"] = {**document["alerting"], "alertmanagers": receivers}
    return yaml.safe_dump(derived, sort_keys=False)


def rule_files(source: Path) -> list[Path]:
    """Return the files with rules that a Prometheus configuration names, looked for from where it is.

    Raises:
        StackError: The source is missing or no mapping.
    """
    patterns = configuration(source).get("rule_files") or ()
    return [path for pattern in patterns for path in sorted(source.parent.glob(pattern))]


def _native(job: Document, targets: Mapping[str, Sequence[str]], source: Path) -> Document:
    name = str(job.get("job_name"))
    if name not in targets:
        raise StackError(
            f"{source}: the native stack knows no targets for the job {name!r} (stack/components.py)"
        )
    kept = {key: value for key, value in job.items() if not key.endswith(("_sd_configs", "static_configs"))}
    labels = [{"labels": group["labels"]} for group in job.get("static_configs") or () if "labels" in group]
    return {**kept, "static_configs": [{"targets": list(targets[name]), **(labels[0] if labels else {})}]}
