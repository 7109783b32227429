"""What is put under load, and under whose name."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from loadtests.soak import target
from loadtests.soak.target import Target, limits, under_load
from stack.errors import StackError
from stack.layout import Layout
from stack.progress import progress_on
from stack.servers.services import OWN_ENDPOINTS
from tests.unit.stack_commands import FakeStack, fake_stack

LIMITS = {"RATE_LIMIT_PER_SECOND": "10", "RATE_LIMIT_BURST": "60"}


def target_of(host: str, tmp_path: Path) -> Target:
    """Return the target of a load test of an address."""
    with under_load(Layout(tmp_path / "stack"), host, 2.0, progress_on()) as found:
        return found


def test_a_key_is_taken_from_dotenv_when_the_api_needs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that is given is not started; without a key, or api, a minute of requests would fail."""
    monkeypatch.delenv("API_KEY", raising=False)
    with pytest.raises(StackError, match="no answer from the api"):
        target_of("http://127.0.0.1:9", tmp_path)
    monkeypatch.setattr(httpx2, "get", lambda *_, **__: httpx2.Response(401))
    monkeypatch.setattr(target, "ROOT", tmp_path)
    with pytest.raises(StackError, match="needs a key: set API_KEY"):
        target_of("http://api", tmp_path)
    (tmp_path / ".env").write_text("API_KEY=composes-own\n")
    assert target_of("http://api", tmp_path) == Target("http://api", "composes-own")
    monkeypatch.setenv("API_KEY", "mine")
    assert target_of("http://api", tmp_path).api_key == "mine"


def test_spans_of_users_go_where_those_of_the_services_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the native stack's backend, or to where the environment says; other options are not inherited."""
    for name in OWN_ENDPOINTS:
        monkeypatch.setenv(name, "http://elsewhere:4318")
    monkeypatch.setenv("LOAD_RATE", "5")
    native, other = (
        Target("http://api", "key", otlp=otlp).environment() for otlp in ("http://ours:4318", "")
    )
    assert [native.get(name) for name in OWN_ENDPOINTS] == ["http://ours:4318", None]
    assert [other[name] for name in OWN_ENDPOINTS] == ["http://elsewhere:4318"] * 2
    assert (native["API_KEY"], "LOAD_RATE" in native) == ("key", False)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStack]:
    """Return a stack of small servers, and forget the limits that it is started with."""
    for name in LIMITS:
        monkeypatch.setenv(name, "x")  # so that it is put back
        monkeypatch.delenv(name)
    with fake_stack(tmp_path / "run", monkeypatch) as commands:
        monkeypatch.setattr("stack.up.select", lambda _: ["redis", "inbox", "api"])
        yield commands


def test_a_stack_that_is_started_for_it_is_stopped_again(stack: FakeStack) -> None:
    """Its limits are low: every user has an address of its own."""
    with under_load(stack.layout, "", 2.0, progress_on()) as found:
        assert set(stack.running()) == {"redis", "inbox", "api"}
        assert found.host.startswith("http://127.0.0.1:")
        assert {name: os.environ[name] for name in LIMITS} == LIMITS
    assert stack.running() == {}


def test_limits_stay_as_they_are_where_all_users_are_one_client(
    stack: FakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with API keys; nor has a stack that runs other limits, and it is left running."""
    assert stack("up", "--only", "redis,inbox,api") == 0
    with under_load(stack.layout, "", 2.0, progress_on()):
        assert not LIMITS.keys() & os.environ.keys()
    assert set(stack.running()) == {"redis", "inbox", "api"}
    assert stack("down") == 0
    monkeypatch.setenv("API_KEYS", "{}")
    with under_load(stack.layout, "", 2.0, progress_on()):
        assert not LIMITS.keys() & os.environ.keys()


@pytest.mark.parametrize("interval", [0.1, 1.0, 2.0, 30.0])
def test_users_stay_below_the_limit_that_they_are_given(interval: float) -> None:
    """Seven requests for each order, and the next order may come in half the time."""
    given = limits(interval)
    assert float(given["RATE_LIMIT_PER_SECOND"]) > 7 / (interval / 2)
    assert float(given["RATE_LIMIT_BURST"]) > 50
