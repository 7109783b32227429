"""The options of the bench: checked before anything starts."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest

from cli.command import main
from loadtests.bench.command import OPTIONS, add_options
from stack.layout import ROOT


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPTIONS:
        monkeypatch.delenv(f"BENCH_{name.upper()}", raising=False)


def given(*arguments: str) -> Namespace:
    """Return the options of a command line."""
    parser = ArgumentParser()
    add_options(parser)
    return parser.parse_args(arguments)


def test_the_command_line_overrules_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default everything is compared, but no other checkout; an empty variable counts as unset."""
    plain = given()
    assert (plain.seconds, plain.rounds, plain.clients, plain.processes) == (2, 7, 32, 1)
    assert (plain.variants, plain.against) == (("on", "off", "bare", "bare_stock"), None)
    set_ = {"SECONDS": "0.5", "ROUNDS": "3", "CLIENTS": "", "VARIANTS": " off, on", "AGAINST": str(ROOT)}
    for name, value in set_.items():
        monkeypatch.setenv(f"BENCH_{name}", value)
    options = given("--rounds", "4")
    assert (options.seconds, options.rounds, options.clients) == (0.5, 4, 32)
    assert (options.variants, options.against) == (("on", "off"), ROOT)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("seconds", "6"),
        ("rounds", "1.5"),
        ("processes", "17"),
        ("variants", ","),
        ("variants", "on,naked"),
        ("against", "/nowhere"),
    ],
)
def test_a_wrong_value_is_refused_with_its_option(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 2, and nothing is started."""
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "--run-dir", str(tmp_path / "bench"), f"--{option}={value}"])
    assert f"argument --{option}: '{value}' is " in capsys.readouterr().err
    assert not (tmp_path / "bench").exists()


def test_a_missing_instrumentation_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says what installs it, and how to do without."""
    monkeypatch.setattr("loadtests.bench.command.find_spec", lambda _: None)
    assert main(["bench", "--run-dir", str(tmp_path / "bench")]) == 1
    assert "instrumentation is missing: `make bench` installs it" in capsys.readouterr().err
