"""What `python -m loadtests.bench` is told: checked before anything starts."""

from pathlib import Path

import pytest

from loadtests.bench.command import main
from loadtests.bench.options import DEFAULTS, OptionError, Options, parse, parser
from loadtests.bench.variants import SHARE, sampled_share


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DEFAULTS:
        monkeypatch.delenv(f"BENCH_{name.upper()}", raising=False)
    for name in ("OTEL_TRACES_SAMPLER", SHARE):
        monkeypatch.delenv(name, raising=False)


def given(*arguments: str) -> Options:
    """Return the options of a command line."""
    return parse(parser().parse_args(arguments))


def test_the_defaults_compare_everything() -> None:
    """Both services, with and without telemetry, beside both references, in one process each."""
    options = given()
    assert (options.seconds, options.rounds, options.clients, options.processes) == (2, 7, 32, 1)
    assert options.kinds == ("api", "worker")
    assert options.names == ("on", "off", "bare", "bare_stock")


def test_the_environment_sets_them_and_the_command_line_overrules(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make bench BENCH_SECONDS=…` goes through the environment; an empty variable is none."""
    monkeypatch.setenv("BENCH_SECONDS", "0.5")
    monkeypatch.setenv("BENCH_ROUNDS", "3")
    monkeypatch.setenv("BENCH_CLIENTS", "")
    monkeypatch.setenv("BENCH_VARIANTS", " off, on")
    options = given("--rounds", "4", "--kinds", "worker")
    assert (options.seconds, options.rounds, options.clients) == (0.5, 4, 32)
    assert (options.kinds, options.names) == (("worker",), ("on", "off"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("seconds", "0"),
        ("seconds", "61"),
        ("seconds", "nan"),
        ("seconds", "soon"),
        ("rounds", "0"),
        ("rounds", "1.5"),
        ("rounds", "٣"),
        ("clients", "9" * 30),
        ("processes", "17"),
        ("kinds", "notifier"),
        ("kinds", ","),
        ("variants", "on,naked"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(option: str, value: str) -> None:
    """The message says which option, and what it may be."""
    with pytest.raises(OptionError, match=f"^{option}: "):
        given(f"--{option}={value}")


def test_bad_options_are_status_2_and_start_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no run directory is made."""
    run_dir = tmp_path / "bench"
    assert main(["--run-dir", str(run_dir), "--rounds", "none"]) == 2
    assert "error: rounds: 'none' is no whole number from 1 to 100" in capsys.readouterr().err
    assert not run_dir.exists()


@pytest.mark.parametrize(
    ("sampler", "argument", "share"),
    [
        ("", "many", 1),
        ("always_on", "0.1", 1),
        ("traceidratio", None, 1),
        ("traceidratio", "", 1),
        ("parentbased_traceidratio", "0.1", 0.1),
        ("PARENTBASED_TRACEIDRATIO", "0", 0),
    ],
)
def test_the_share_of_traces_is_what_the_services_take(
    monkeypatch: pytest.MonkeyPatch, sampler: str, argument: str | None, share: float
) -> None:
    """Without an argument a ratio is 1, as the standard says."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    if argument is not None:
        monkeypatch.setenv(SHARE, argument)
    assert sampled_share() == share
    assert given()


@pytest.mark.parametrize("argument", ["many", "2", "-0.1", "nan"])
def test_a_share_that_is_none_is_refused_before_anything_starts(
    argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the name of its variable, with status 2."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv(SHARE, argument)
    assert main(["--run-dir", str(tmp_path / "bench")]) == 2
    assert f"error: {SHARE}: '{argument}' is no number from 0 to 1" in capsys.readouterr().err
    assert not (tmp_path / "bench").exists()


def test_a_missing_instrumentation_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what installs it, and how to do without."""
    monkeypatch.setattr("loadtests.bench.command.find_spec", lambda _: None)
    assert main(["--run-dir", str(tmp_path / "bench")]) == 1
    assert "no stock instrumentation of aio_pika, redis: `make bench` installs it" in capsys.readouterr().err
