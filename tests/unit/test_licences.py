"""`docs/licences.md` knows the licence of what the services run with, and none forbids what is done here."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\S+) +\| \S+ +\| (.+?) +\|$", re.MULTILINE)


def test_the_services_packages_have_licences_that_suit() -> None:
    """Each names its licence, none is of the GPL's family, and all are listed; else: `make licences`."""
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    licences = {name.lower().replace("_", "-"): licence for name, licence in ROW.findall(text)}
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = re.findall(r"^([a-z0-9._-]+)==\S+ \\", lock, re.MULTILINE)  # a marker is for other systems
    assert len(locked) > 20
    assert set(locked) <= licences.keys()
    unsuited = {name: licences[name] for name in locked if re.search(r"GPL|UNKNOWN", licences[name])}
    assert unsuited == {}
