"""What `python -m stack chaos` is told: checked before anything starts."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from cli.command import main
from resilience.chaos.options import Options, add_options, parse
from stack.errors import UsageError

VARIABLES = ("CHAOS_ORDERS", "CHAOS_SEED", "CHAOS_FAULTS", "CHAOS_RATE", "CLUSTER")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def given(*arguments: str) -> Options:
    """Return the options of a command line."""
    parser = ArgumentParser()
    add_options(parser)
    return parse(parser.parse_args(arguments))


def test_the_defaults_are_those_of_the_help() -> None:
    """2000 orders, 60 a second, all faults of one broker, a seed that is drawn anew each time."""
    options = given()
    assert (options.orders, options.rate, options.cluster, options.observe) == (2000, 60, 0, False)
    assert "kill-rabbitmq" in {kind.name for kind in options.kinds}
    assert options.seed != given().seed


def test_the_environment_sets_them_and_the_command_line_overrules(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make chaos CHAOS_ORDERS=…` goes through the environment; an empty variable is none."""
    for name, value in zip(VARIABLES, ("300", "5", "kill-node", "", "3"), strict=True):
        monkeypatch.setenv(name, value)
    options = given("--seed", "6")
    assert (options.orders, options.seed, options.rate, options.cluster) == (300, 6, 60, 3)
    assert [kind.name for kind in options.kinds] == ["kill-node"]


@pytest.mark.parametrize(
    "wrong",
    ["orders=0", "orders=-5", "orders=30001", f"seed={2**64}", "rate=0", "rate=nan", "rate=501", "cluster=2"],
)
def test_what_makes_no_sense_is_refused_by_name(wrong: str) -> None:
    """The message says which option, and what it may be."""
    with pytest.raises(UsageError, match=f"^{wrong.partition('=')[0]}: "):
        given(f"--{wrong}")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--faults=earthquake", "no such fault with one broker: earthquake; there are all, stop-rabbitmq"),
        ("--faults=kill-node", "no such fault with one broker: kill-node"),
        ("--faults=kill-rabbitmq --cluster=3", "no such fault with three brokers: kill-rabbitmq"),
        ("--orders=0", "orders: 0 is not from 1 to"),
    ],
)
def test_bad_options_are_status_2_and_start_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, complaint: str
) -> None:
    """The known faults are named, and no run directory is made."""
    run_dir = tmp_path / "chaos"
    assert main(["chaos", "--run-dir", str(run_dir), *options.split()]) == 2
    assert complaint in capsys.readouterr().err
    assert not run_dir.exists()
