"""What the unit tests share."""

import pytest

from tests.unit import recorder


@pytest.fixture(params=["lean", "sdk"])
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have spans recorded by this project's provider, and once more by opentelemetry-python's."""
    name: str = request.param
    monkeypatch.setattr(recorder, "PROVIDER", name)
    return name
