"""What a load test and a soak are told: checked before anything starts."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from cli.command import main
from cli.load_options import add_options, told
from loadtests.options import OptionError, parse
from loadtests.soak import options as soak_options
from loadtests.soak.options import SHARE


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("LOAD_", "SOAK_")) or name == "API_KEY":
            monkeypatch.delenv(name)


def test_the_defaults_are_those_of_the_help() -> None:
    """Twenty orders a second for a minute, from two users for each; an empty variable is none."""
    options = parse({"LOAD_RATE": "", "LOAD_SHAPE": " "})
    assert (options.shape, options.rate, options.users, options.seconds) == ("steady", 20, 40, 60)
    assert (options.p95_ms, options.settled_p99_ms, options.max_errors) == (250, 1000, 0.01)
    assert (options.interval, options.ui, options.host) == (2, False, "http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("rate", "users", "expected"),
    [
        ("50", "", (100, 50, 2)),
        ("", "30", (30, 15, 2)),
        ("5", "50", (50, 5, 10)),
        ("0.3", "", (1, 0.3, 3.33)),
    ],
)
def test_users_and_rate_follow_from_each_other(
    rate: str, users: str, expected: tuple[int, float, float]
) -> None:
    """Each user places an order every two seconds, unless both are given."""
    options = parse({"LOAD_RATE": rate, "LOAD_USERS": users})
    assert (options.users, options.rate, options.interval) == pytest.approx(expected, rel=0.01)


def test_shapes_have_lengths_of_their_own() -> None:
    """A soak is ten minutes; what is given is taken."""
    assert parse({"LOAD_SHAPE": "soak"}).seconds == 600
    assert parse({"LOAD_SHAPE": "soak", "LOAD_SECONDS": "9"}).seconds == 9


def test_with_the_web_ui_users_are_set_by_hand() -> None:
    """Unless a shape is asked for."""
    assert parse({"LOAD_UI": "1"}).shape == ""
    assert parse({"LOAD_UI": "1", "LOAD_SHAPE": "spike"}).shape == "spike"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOAD_USERS", "0"),
        ("LOAD_USERS", "2.5"),
        ("LOAD_USERS", "many"),
        ("LOAD_RATE", "0"),
        ("LOAD_RATE", "nan"),
        ("LOAD_RATE", "1e3"),
        ("LOAD_RATE", "٣"),
        ("LOAD_RATE", "-5"),
        ("LOAD_SECONDS", "0"),
        ("LOAD_SECONDS", "99999999"),
        ("LOAD_SHAPE", "zigzag"),
        ("LOAD_UI", "yes"),
        ("LOAD_UI_PORT", "70000"),
        ("LOAD_P95_MS", "fast"),
        ("LOAD_SETTLED_P99_MS", "."),
        ("LOAD_MAX_ERRORS", "2"),
        ("LOAD_HOST", "localhost:8000"),
        ("LOAD_HOST", "http://user:secret@localhost"),
        ("LOAD_HOST", "http://localhost/v1"),
        ("LOAD_HOST", "http://localhost:99999"),
        ("LOAD_TRACES", "ftp://localhost"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    """The message says which variable, what it is, and what it may be."""
    with pytest.raises(OptionError, match=f"^{name}: '"):
        parse({name: value})


def test_the_command_line_overrules_the_environment() -> None:
    """Each option stands for the variable of its name."""
    parser = ArgumentParser()
    add_options(parser)
    given = parser.parse_args(["--rate", "7", "--p95-ms", "80"])
    merged = told(given, {"LOAD_RATE": "5", "LOAD_USERS": "3", "HOME": "/"})
    assert merged == {"LOAD_RATE": "7", "LOAD_P95_MS": "80", "LOAD_USERS": "3", "HOME": "/"}


@pytest.mark.parametrize(
    "command", [["load", "--users", "0"], ["load", "--shape", "x"], ["soak", "--seconds", "5"]]
)
def test_bad_options_are_status_2_and_start_nothing(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable is named, and no run directory is made."""
    run_dir = tmp_path / "stack"
    assert main([*command, "--run-dir", str(run_dir)]) == 2
    name = f"{command[0]}_{command[1].removeprefix('--')}".upper()
    assert capsys.readouterr().err.startswith(f"error: {name}: '")
    assert not run_dir.exists()


def test_without_the_stack_it_is_the_same() -> None:
    """As in the image, which has nothing but Locust."""
    environment = {**os.environ, "LOAD_RATE": "none"}
    ended = subprocess.run(
        [sys.executable, "-m", "loadtests"], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "error: LOAD_RATE: 'none' is no number from 0.1 to 2000\n"


def test_a_soak_is_ten_minutes_at_a_rate_that_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless told otherwise, by the environment or by the command line, which overrules it."""
    parser = ArgumentParser()
    soak_options.add_options(parser)
    options = soak_options.parse(parser.parse_args([]))
    assert (options.seconds, options.rate, SHARE) == (600, 0, 0.7)
    monkeypatch.setenv("SOAK_SECONDS", "120")
    monkeypatch.setenv("SOAK_RATE", "30")
    options = soak_options.parse(parser.parse_args(["--rate", "40"]))
    assert (options.seconds, options.rate) == (120, 40)
