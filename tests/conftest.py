"""In which order tests run: two processes share the work file by file (`make test`)."""

import pytest

LONGEST_FIRST = ("chaos/", "e2e/", "integration/")
"""Folders whose files take long: what is left for the end is short, and keeps both processes busy."""
LAST_OF_ITS_FOLDER = ("test_signals.py", "test_telemetry.py")
"""They also look at what the tests before them set off."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> tuple[int, bool]:
    folder = f"{item.path.parent.name}/"
    place = LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)
    return place, item.path.name in LAST_OF_ITS_FOLDER
