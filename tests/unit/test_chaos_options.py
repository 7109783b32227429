"""What `python -m stack chaos` is told: checked before anything starts."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from cli.command import main
from resilience.chaos.options import Options, add_options, parse
from stack.errors import StackError

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
    with pytest.raises(StackError, match=f"^{wrong.partition('=')[0]}: "):
        given(f"--{wrong}")


@pytest.mark.parametrize("wrong", ["orders=many", "seed=x", "rate=fast"])
def test_what_is_no_number_is_refused_by_the_parser(wrong: str) -> None:
    """With status 2, as every wrong command line."""
    with pytest.raises(SystemExit) as refused:
        given(f"--{wrong}")
    assert refused.value.code == 2


def test_a_fault_for_a_cluster_needs_one() -> None:
    """And the other way round."""
    with pytest.raises(StackError, match="with one broker there are"):
        given("--faults", "kill-node")
    with pytest.raises(StackError, match="with three brokers there are"):
        given("--faults", "kill-rabbitmq", "--cluster", "3")


def test_bad_options_are_status_2_and_start_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The known faults are named, and no run directory is made."""
    run_dir = tmp_path / "chaos"
    assert main(["chaos", "--run-dir", str(run_dir), "--faults", "earthquake"]) == 2
    assert (
        "no fault is called earthquake; with one broker there are all, stop-rabbitmq"
        in capsys.readouterr().err
    )
    assert main(["chaos", "--run-dir", str(run_dir), "--orders", "0"]) == 2
    assert not run_dir.exists()
