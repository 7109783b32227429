"""Writes down under which licences the locked packages are: `python -m stack.licences`."""

import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAX_LENGTH = 60
"""Of what a package says in the old free field; longer, it is the licence's whole text."""
HEAD = """# Licences

Of the packages in the lock files, as they say themselves; `make licences` writes this list anew. Servers
and images are not in it.
"""


def locked(lock: Path) -> dict[str, str]:
    """Return the version of each package in a lock file by its name."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock.read_text(), re.MULTILINE))


def licence(package: str) -> str:
    """Return what an installed package says of its licence (PEP 639, else the fields that came before it)."""
    try:
        told = metadata(package)
    except PackageNotFoundError:
        return "(for other platforms or versions of Python)"
    expressions, free = told.get_all("License-Expression"), told.get_all("License")
    said = expressions or _classified(told) or [text for text in free or [] if len(text) <= MAX_LENGTH]
    return ", ".join(said) or "(see the package)"


def _classified(told: PackageMetadata) -> list[str]:
    classifiers = told.get_all("Classifier") or []
    return [
        one.rpartition(" :: ")[2]
        for one in classifiers
        if one.startswith("License :: ") and one.count("::") > 1
    ]


def document() -> str:
    """Return the whole list: what services run with first, then what only development needs."""
    runtime = locked(ROOT / "requirements.lock")
    every = locked(ROOT / "requirements-dev.lock")
    development = {name: version for name, version in every.items() if name not in runtime}
    return "\n".join([HEAD, *_table("At run time", runtime), *_table("For development", development)])


def _table(title: str, packages: Mapping[str, str]) -> Iterator[str]:
    yield from (f"## {title}", "", "| package | version | licence |", "|---|---|---|")
    for name, version in sorted(packages.items()):
        yield f"| {name} | {version} | {licence(name)} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(document())
