"""What the unit tests share."""

from collections.abc import Iterator

import pytest

from tests.unit import recorder
from tests.unit.otlp_collector import Collector, running_collector


@pytest.fixture(params=["lean", "sdk"])
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have spans recorded by this project's provider, and once more by opentelemetry-python's."""
    name: str = request.param
    monkeypatch.setattr(recorder, "PROVIDER", name)
    return name


@pytest.fixture
def collector() -> Iterator[Collector]:
    """An OTLP receiver that takes everything until it is told otherwise."""
    with running_collector() as running:
        yield running
