"""Operators' commands: which api they ask, and what they say when there is none."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import dead_letters, scenarios
from cli.command import main
from stack import operators


@pytest.mark.parametrize("add", [scenarios.add_options, dead_letters.add_options])
def test_every_command_finds_its_api_alike(
    add: Callable[[ArgumentParser], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One declaration has the arguments, and names the default address."""
    monkeypatch.setattr(operators, "COMPOSE_API", "http://compose")
    monkeypatch.setenv("COLUMNS", "200")
    parser = ArgumentParser()
    add(parser)
    given = parser.parse_args([])
    assert (given.json, given.api) == (False, None)
    given = parser.parse_args(["--json", "--api", "http://api"])
    assert (given.json, given.api) == (True, "http://api")
    assert "(default: the native stack's, or http://compose)" in parser.format_help()


@pytest.mark.parametrize("command", ["scenario", "dead-letters"])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:abc", "http://[::1", "http://", "nowhere", "http://a..b"]
)
def test_an_address_that_is_none_is_an_error_in_one_line(
    command: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than a traceback."""
    assert main([command, "--run-dir", str(tmp_path), "--api", address]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: no answer from the api at {address.rstrip('/')}: ")
    assert error.count("\n") == 1
