"""Jaeger, Loki and Grafana run where they are installed: small programs in their place see what they get."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import main
from stack import state
from stack.components import Plan, spec
from stack.layout import ROOT, Layout
from stack.ports import Ports
from stack.servers import services
from tests.unit.stack_fakes import SERVER, executable


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a run directory on a machine that has all; each notes how it was called, and serves."""
    (tmp_path / "server.py").write_text("import textwrap; exec(textwrap.dedent('''" + SERVER + "'''))")
    serve = f"exec {sys.executable} {tmp_path}/server.py"
    executable(tmp_path / "bin/jaeger", f'env; echo "arguments $*"; {serve} "${{JAEGER_HEALTH_ENDPOINT#*:}}"')
    executable(tmp_path / "bin/grafana", f'env; echo "arguments $*"; {serve} "$GF_SERVER_HTTP_PORT"')
    executable(tmp_path / "bin/loki", f'env; echo "arguments $*"; {serve} "$LOKI_HTTP_PORT"')
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/defaults.ini").write_text("")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("GF_PATHS_HOME", raising=False)
    yield tmp_path / "run"
    main(["down", "--run-dir", str(tmp_path / "run")])


def test_all_are_started_with_the_projects_configuration(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They become ready, their addresses are shown, and they got what was chosen."""
    assert main(["up", "--run-dir", str(run_dir), "--only", "jaeger,loki,grafana"]) == 0
    current = state.load(Layout(run_dir))
    assert current
    log = Layout(run_dir).log("jaeger").read_text().splitlines()
    assert f"arguments --config {ROOT}/observability/config/jaeger/config.yaml" in log
    assert f"JAEGER_OTLP_HTTP_ENDPOINT=127.0.0.1:{current.ports.otlp_http}" in log
    assert f"JAEGER_STORAGE_DIRECTORY={run_dir}/data/jaeger" in log
    log = Layout(run_dir).log("loki").read_text().splitlines()
    config = ROOT / "observability/config/loki/config.yaml"
    assert f"arguments -config.file={config} -config.expand-env=true" in log
    assert f"LOKI_DIRECTORY={run_dir}/data/loki" in log
    log = Layout(run_dir).log("grafana").read_text().splitlines()
    home, config = run_dir.parent, ROOT / "grafana/grafana.ini"
    assert f"arguments server --homepath {home} --config {config}" in log
    assert f"JAEGER_URL=http://127.0.0.1:{current.ports.traces}" in log
    assert f"LOKI_URL=http://127.0.0.1:{current.ports.loki}" in log
    shown = capsys.readouterr().out
    assert f"Grafana  http://127.0.0.1:{current.ports.grafana}" in shown
    assert f"Loki     http://127.0.0.1:{current.ports.loki}" in shown
    assert f"Jaeger   http://127.0.0.1:{current.ports.traces}" in shown


@pytest.mark.usefixtures("run_dir")
def test_services_and_prometheus_know_what_is_installed(tmp_path: Path) -> None:
    """Log lines go to Loki, and what Jaeger counts is scraped."""
    plan = Plan(Layout(tmp_path / "run"), Ports(loki=1, jaeger_metrics=2), {})
    assert spec(plan, "api").environment[services.LOGS_ENDPOINT] == "http://127.0.0.1:1/otlp/v1/logs"
    assert "127.0.0.1:2" in "".join(spec(plan, "prometheus").files.values())


@pytest.mark.parametrize("name", ["jaeger", "loki", "grafana"])
def test_one_that_is_not_installed_is_an_error_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A complete stack does without it; a selection that names it does not."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["up", "--run-dir", str(tmp_path / "run"), "--only", name]) == 1
    assert f"there is no {name} on the PATH" in capsys.readouterr().err
