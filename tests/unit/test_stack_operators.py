"""Operators' commands: where they ask, and what they say when they cannot."""

from pathlib import Path

import pytest

from stack.cli import main


@pytest.mark.parametrize("command", ["scenario", "dead-letters"])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:abc", "http://[::1", "http://", "nowhere", "http://a..b"]
)
def test_an_address_that_is_none_is_an_error_in_one_line(
    command: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than a traceback."""
    assert main([command, "--run-dir", str(tmp_path), "--api", address]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"error: no answer from the api at {address.rstrip('/')}: ")
    assert told.count("\n") == 1
