"""Scrape jobs of the native stack, derived from `prometheus.yml`: same jobs, other addresses."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from stack.errors import StackError
from stack.servers.rules import Document, configuration

ALERTMANAGER = "alertmanager"


def derive(source: Path, targets: Mapping[str, Sequence[str]], rules: Iterable[str] = ()) -> str:
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
