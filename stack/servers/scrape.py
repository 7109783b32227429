"""Scrape jobs of the native stack, derived from `prometheus.yml`: same jobs, other addresses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stack.errors import StackError

Document = dict[str, Any]


def derive(source: Path, targets: Mapping[str, Sequence[str]]) -> str:
    """Return a Prometheus configuration with each job's discovery replaced by the targets of its name.

    Everything else stays; rule files are looked for where the source looks for them.

    Raises:
        StackError: The source is missing or no mapping, or a job has no targets here.
    """
    try:
        document = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise StackError(f"cannot read {source}: {error}") from error
    if not isinstance(document, dict):
        raise StackError(f"{source} is no Prometheus configuration")
    jobs = [_native(job, targets, source) for job in document.get("scrape_configs") or ()]
    derived = {**document, "scrape_configs": jobs}
    if "rule_files" in document:
        # An absolute pattern stays what it is when it is joined.
        derived["rule_files"] = [str(source.parent / pattern) for pattern in document["rule_files"]]
    return yaml.safe_dump(derived, sort_keys=False)


def _native(job: Document, targets: Mapping[str, Sequence[str]], source: Path) -> Document:
    name = str(job.get("job_name"))
    if name not in targets:
        raise StackError(f"{source}: the native stack knows no targets for the job {name!r} (stack/plan.py)")
    kept = {key: value for key, value in job.items() if not key.endswith(("_sd_configs", "static_configs"))}
    labels = [{"labels": group["labels"]} for group in job.get("static_configs") or () if "labels" in group]
    return {**kept, "static_configs": [{"targets": list(targets[name]), **(labels[0] if labels else {})}]}
