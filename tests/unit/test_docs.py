"""What the documents name is there."""

import re

from stack.layout import ROOT

TEST = re.compile(r"\b((?:unit|contract|integration|e2e|chaos|rules)/[\w/]+\.(?:py|yaml))(?:::(\w+))?")
"""A file among the tests, and perhaps a test in it."""


def test_every_test_that_a_document_names_exists() -> None:
    """A proof that is gone, or was renamed, proves nothing."""
    documents = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    named = {found for document in documents for found in TEST.findall(document.read_text(encoding="utf-8"))}
    assert len(named) > 100
    for name, test in named:
        code = (ROOT / "tests" / name).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in code, (name, test)
