"""What `python -m stack chaos` is told: checked before anything starts."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from cli.command import main
from resilience.chaos.options import Options, add_options, parse

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
    ("options", "complaint"),
    [
        ("--faults=earthquake", "no such fault with one broker: earthquake; there are all, stop-rabbitmq"),
        ("--faults=kill-node", "no such fault with one broker: kill-node"),
        ("--faults=kill-rabbitmq --cluster=3", "no such fault with three brokers: kill-rabbitmq"),
        ("--orders=0", "orders: 0 is not from 1 to"),
        ("--orders=-5", "orders: -5 is not from 1 to"),
        ("--orders=30001", "orders: 30001 is not from 1 to 30000"),
        (f"--seed={2**64}", "seed: "),
        ("--rate=0", "rate: 0.0 is not from 0.01 to"),
        ("--rate=nan", "rate: nan is not from"),
        ("--rate=501", "rate: 501.0 is not from"),
        ("--cluster=2", "cluster: 2 brokers are not offered"),
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
