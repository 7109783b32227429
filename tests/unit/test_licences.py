"""`docs/licences.md` tells of what is installed, and nothing in there forbids what is done here."""

import re

import pytest

from stack.licences import ROOT, licence, locked, main

TEXT = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([a-z0-9._-]+) \| (\S+) \| (.+) \|$", re.MULTILINE)


def rows(text: str) -> dict[str, str]:
    """Return the versions in a part of the document by package."""
    found = {name: version for name, version, _ in ROW.findall(text)}
    found.pop("package")  # the tables' heads
    return found


def test_every_locked_package_is_listed() -> None:
    """Names and versions are those of the lock files, the services' own first; else: `make licences`."""
    runtime, _, rest = TEXT.partition("\n## What the native")
    lock = locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    every = locked((ROOT / "requirements-dev.lock").read_text(encoding="utf-8"))
    assert rows(runtime) == lock
    assert rows(TEXT) == lock | every
    assert len(rows(rest)) == len(every.keys() - lock.keys())


def test_every_licence_is_known() -> None:
    """Each package says under which licence it comes, and none of the services' is of the GPL's family."""
    assert "(not said)" not in TEXT
    assert not re.search(r"\b(A|L)?GPL", TEXT.partition("\n## What the native")[0])


def test_a_package_that_is_not_here_is_no_error() -> None:
    """The lock files are for every system."""
    assert "not installed" in licence("no-such-package")


def test_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the document."""
    assert main() == 0
    assert capsys.readouterr().out.startswith("# Licences\n")
