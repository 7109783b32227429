"""The list of licences is that of the lock files."""

import re
from pathlib import Path

import pytest

from stack.licences import ROOT, document, licence, locked

LISTED = (ROOT / "docs" / "licences.md").read_text()
ROW = re.compile(r"^\| ([a-z0-9-]+) \| (\d\S*) \| (.+) \|$", re.MULTILINE)


def test_every_locked_package_is_listed_once() -> None:
    """`make licences` was run after `make lock`: names and versions are the same, run time comes first."""
    runtime, _, development = LISTED.partition("## For development")
    assert {name: version for name, version, _ in ROW.findall(runtime)} == locked(ROOT / "requirements.lock")
    every = locked(ROOT / "requirements-dev.lock")
    assert {name: version for name, version, _ in ROW.findall(LISTED)} == every
    assert len(ROW.findall(runtime + development)) == len(every)


def test_every_runtime_package_names_its_licence() -> None:
    """What services run with is under a licence that somebody can look up."""
    runtime = LISTED.partition("## For development")[0]
    assert [name for name, _, terms in ROW.findall(runtime) if "see the package" in terms] == []
    assert not re.search(r"(?<!L)GPL", runtime)


def test_what_is_written_is_what_is_listed() -> None:
    """The generator makes the file's rows, as far as they do not depend on the machine."""
    assert [row[:2] for row in ROW.findall(document())] == [row[:2] for row in ROW.findall(LISTED)]


def test_versions_are_read_as_they_are_locked(tmp_path: Path) -> None:
    """Markers and hashes are no part of a version; other lines are no packages."""
    lock = tmp_path / "some.lock"
    lock.write_text("a-b==1.2 ; python_version < '3' \\\n    --hash=sha256:0\nc==3 \\\n# d==4\n")
    assert locked(lock) == {"a-b": "1.2", "c": "3"}


@pytest.mark.parametrize(("package", "terms"), [("pytest", "MIT"), ("no-such-package", "(for other")])
def test_licences_are_what_packages_say(package: str, terms: str) -> None:
    """An expression where there is one; what is not installed is said to be for others."""
    assert licence(package).startswith(terms)
