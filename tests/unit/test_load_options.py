"""The options of a load test, a soak and the bench: checked before anything starts."""

import argparse
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cli.command import main
from loadtests.bench import command as bench
from loadtests.options import TYPES, variable
from loadtests.soak import command as soak
from stack.layout import ROOT
from tests.unit.load_samples import options


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("LOAD_", "SOAK_", "BENCH_")) or name == "API_KEY":
            monkeypatch.delenv(name)


def test_the_defaults_are_those_of_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty orders a second for a minute, from two users for each; an empty variable counts as unset."""
    monkeypatch.setenv("LOAD_RATE", "")
    monkeypatch.setenv("LOAD_SHAPE", " ")
    found = options()
    assert (found.shape, found.rate, found.users, found.seconds) == ("steady", 20, 40, 60)
    assert (found.p95_ms, found.settled_p99_ms, found.max_errors) == (250, 1000, 0.01)
    assert (found.interval, found.ui, found.host) == (2, 0, "http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--rate 50", ("steady", 100, 50, 2, 60)),
        ("--users 30", ("steady", 30, 15, 2, 60)),
        ("--rate 5 --users 50", ("steady", 50, 5, 10, 60)),
        ("--rate 0.3", ("steady", 1, 0.3, 1 / 0.3, 60)),
        ("--shape soak", ("soak", 40, 20, 2, 600)),
        ("--shape soak --seconds 9", ("soak", 40, 20, 2, 9)),
        ("--ui 1", ("", 40, 20, 2, 60)),  # users are set by hand
        ("--ui 1 --shape spike", ("spike", 40, 20, 2, 60)),
    ],
)
def test_what_is_not_given_follows(arguments: str, expected: tuple[str, int, float, float, int]) -> None:
    """Each user places an order every two seconds, unless both are given; shapes have their own lengths."""
    found = options(*arguments.split())
    assert (found.shape, found.users, found.rate, found.interval, found.seconds) == expected


def test_the_environment_says_the_same_as_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line overrules the environment; what one process parsed, the next one reads."""
    monkeypatch.setenv("LOAD_RATE", "5")
    monkeypatch.setenv("LOAD_USERS", "3")
    found = options("--rate", "7", "--p95-ms", "80", "--host", "http://api:8000/")
    assert (found.rate, found.users, found.p95_ms, found.host) == (7, 3, 80, "http://api:8000")
    for name, value in found.environment().items():
        monkeypatch.setenv(name, value)
    assert options() == found
    assert found.environment().keys() == {variable(name) for name in TYPES}


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("load", "users", "0"),
        ("load", "users", "2.5"),
        ("load", "rate", "nan"),
        ("load", "rate", "٣"),
        ("load", "seconds", "99999999"),
        ("load", "shape", "zigzag"),
        ("load", "settled-p99-ms", "."),
        ("load", "host", "localhost:8000"),
        ("load", "host", "http://user:secret@localhost"),
        ("load", "host", "http://localhost/v1"),
        ("load", "host", "http://localhost:99999"),
        ("load", "traces", "ftp://localhost"),
        ("load", "results", "/dev/null/x"),
        ("soak", "seconds", "5"),
        ("bench", "seconds", "6"),
        ("bench", "rounds", "1.5"),
        ("bench", "processes", "17"),
        ("bench", "variants", ","),
        ("bench", "variants", "on,naked"),
        ("bench", "against", "/nowhere"),
    ],
)
def test_a_wrong_value_is_refused_with_its_option(
    command: str, option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the option, its value, and what is allowed; nothing is started."""
    with pytest.raises(SystemExit, match="2"):
        main([command, "--run-dir", str(tmp_path / "run"), f"--{option}={value}"])
    assert f"argument --{option}: '{value}' is " in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("shape", "course"),
    [
        ("steady", [50] * 100),
        ("soak", [50] * 100),
        ("ramp", [5 * (second // 10 + 1) for second in range(100)]),
        ("spike", [10] * 40 + [50] * 20 + [10] * 40),
    ],
)
def test_shapes_say_how_many_users_there_are(shape: str, course: list[int]) -> None:
    """A ramp has ten equal steps, a spike lasts a fifth of the time; somebody is there until the end."""
    asked = options("--shape", shape, "--seconds", "100", "--users", "50")
    assert [asked.users_at(second) for second in range(101)] == [*course, None]
    few = options("--shape", shape, "--seconds", "3", "--users", "1")
    assert [few.users_at(second) for second in range(4)] == [1, 1, 1, None]


def given(command: ModuleType, *arguments: str) -> dict[str, Any]:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    return vars(parser.parse_args(arguments))


def test_soak_and_bench_have_options_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line overrules the environment, where an empty variable counts as unset.

    By default a soak is ten minutes at a rate that is found, and the bench compares all but another checkout.
    """
    variants = ("on", "off", "bare", "bare_stock")
    assert given(soak) == {"seconds": 600, "rate": None}
    numbers = {"seconds": 2, "rounds": 7, "clients": 32, "processes": 1}
    assert given(bench) == {**numbers, "variants": variants, "against": None}
    said = {"SOAK_SECONDS": "120", "SOAK_RATE": "30", "BENCH_ROUNDS": "3", "BENCH_CLIENTS": " "}
    for name, value in {**said, "BENCH_VARIANTS": " off, on", "BENCH_AGAINST": str(ROOT)}.items():
        monkeypatch.setenv(name, value)
    assert given(soak, "--rate", "40") == {"seconds": 120, "rate": 40}
    expected = {**numbers, "rounds": 4, "variants": ("on", "off"), "against": ROOT}
    assert given(bench, "--rounds", "4") == expected


def test_a_missing_instrumentation_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says what installs it, and how to do without."""
    monkeypatch.setattr("loadtests.bench.command.find_spec", lambda _: None)
    assert main(["bench", "--run-dir", str(tmp_path / "bench")]) == 1
    assert "instrumentation is missing: `make bench` installs it" in capsys.readouterr().err
