"""`python -m stack.licences` prints `docs/licences.md`: every package of the lock files and its licence."""

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = {
    "What the services run with": "requirements.lock",
    "What the native stack, checks and tests need besides": "requirements-dev.lock",
}
MAX_NAME = 60
"""What is longer is the text of a licence, not its name."""


def main() -> int:
    """Print the document."""
    sys.stdout.write(document())
    return 0


def document() -> str:
    """Return the document, the services' packages first."""
    lines = [
        "# Licences",
        "",
        "Of every package in the lock files, by its own metadata; `make licences` writes this.",
    ]
    listed: dict[str, str] = {}
    for title, lock in PARTS.items():
        packages = locked((ROOT / lock).read_text(encoding="utf-8"))
        new = {name: version for name, version in packages.items() if name not in listed}
        lines += ["", f"## {title}", "", "| package | version | licence |", "|---|---|---|"]
        lines += [f"| {name} | {version} | {licence(name)} |" for name, version in new.items()]
        listed |= new
    return "\n".join(lines) + "\n"


def locked(text: str) -> dict[str, str]:
    """Return the versions that a lock file names, by package."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


def licence(package: str) -> str:
    """Return an installed package's licence as it says itself: expression (PEP 639), name or classifiers."""
    try:
        about = metadata(package)
    except PackageNotFoundError:
        return "(for other systems, not installed)"
    names: list[str] = about.get_all("License-Expression") or about.get_all("License") or [""]
    if names[0] and len(names[0]) <= MAX_NAME and "\n" not in names[0]:
        return names[0]
    classifiers = [text.split(" :: ") for text in about.get_all("Classifier") or ()]
    found = [parts[-1] for parts in classifiers if parts[0] == "License"]
    return ", ".join(found) or "(not said)"


if __name__ == "__main__":
    sys.exit(main())
