"""How each component is run: on which ports, with which settings, nothing of the user in the way."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from stack import components, programs
from stack.components import Plan
from stack.layout import ROOT, Layout
from stack.ports import Ports
from stack.servers import backends, grafana, jaeger, loki, prometheus, rabbitmq, services, users
from stack.spec import Spec
from tests.panels import RULE_FILES

PORTS = Ports(
    1,
    2,
    3,
    4,
    rabbitmq_distribution=11,
    epmd=12,
    redis=5,
    otlp_http=6,
    traces=7,
    smtp=8,
    prometheus=9,
    loki=10,
)


def service(name: str = "api", **environ: str) -> Spec:
    """Return how a service is run in an environment."""
    return services.spec(name, PORTS, Path("/data"), environ)


def node(**environ: str) -> Spec:
    """Return how a RabbitMQ node is run in an environment."""
    place = rabbitmq.Node(Path("/bin/server"), Path("/data/one"), Path("/data/home"), PORTS, PORTS.epmd)
    return rabbitmq.spec(place, environ)


def test_a_service_gets_the_addresses_of_its_servers_and_what_the_user_sets() -> None:
    """Addresses are the stack's, whatever the environment says; other settings are passed on."""
    given = {"TELEMETRY": "off", "TRACE_ASYNC": "link", "OTEL_TRACES_SAMPLER": "always_off"}
    traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://elsewhere/v1/traces"}
    theirs = {"REDIS_URL": "redis://there", "HTTP_PORT": "80", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://there"}
    spec = service(**given, **traces, **theirs)
    assert spec.command == (sys.executable, "-m", "services.api")
    assert {
        "AMQP_URL": "amqp://api:orderscope@127.0.0.1:4/",
        "REDIS_URL": "redis://api:orderscope@127.0.0.1:5/0",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:6",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": "8",
        **given,
    }.items() <= spec.environment.items()
    assert not traces.keys() & spec.environment.keys()
    assert services.LOGS_ENDPOINT not in spec.environment  # log lines go to the file only
    logs = {services.LOGS_ENDPOINT: "http://elsewhere/v1/logs"}
    assert logs.items() <= service(**logs).environment.items()
    assert [service(name).environment["HTTP_PORT"] for name in ("worker", "notifier")] == ["2", "3"]


def test_a_service_has_as_long_to_stop_as_it_takes_itself() -> None:
    """It is killed only when its own deadline has passed."""
    assert service().stop_timeout == 25
    assert service(SHUTDOWN_TIMEOUT_SECONDS="3").stop_timeout == 8
    assert service(SHUTDOWN_TIMEOUT_SECONDS="soon").stop_timeout == 25


def test_our_programs_run_from_any_folder_and_without_a_proxy() -> None:
    """They import from the repository, and send nothing for 127.0.0.1 to a proxy."""
    environment = backends.python_environment({"HTTPS_PROXY": "http://proxy", "no_proxy": "internal"})
    assert environment["NO_PROXY"] == environment["no_proxy"] == "internal,127.0.0.1,localhost"
    assert backends.python_environment({})["NO_PROXY"] == "127.0.0.1,localhost"
    assert environment["PYTHONPATH"] == str(ROOT)


def test_a_node_takes_nothing_from_another_installation() -> None:
    """Variables of the machine's own broker do not reach this one, but for one that a benchmark sets."""
    busy_wait = rabbitmq.BUSY_WAIT
    theirs = {"RABBITMQ_NODENAME": "theirs", "RABBITMQ_BASE": "/theirs", "ERL_LIBS": "/theirs"}
    environment = node(**theirs, **{busy_wait: "none"}).environment
    assert "theirs" not in "".join(environment.values())
    assert environment["RABBITMQ_NODENAME"] == "orderscope@127.0.0.1"
    assert (environment[busy_wait], node().environment[busy_wait]) == ("none", "very_short")


def test_nodes_of_a_cluster_share_a_home_and_stop_where_they_are_few() -> None:
    """Each has data of its own, and the cookie of all in the home; a minority takes no messages."""
    specs = rabbitmq.cluster(Path("/bin/server"), Path("/data"), [PORTS, Ports(), Ports()], {})
    assert [spec.cwd.name for spec in specs] == ["rabbitmq-1", "rabbitmq-2", "rabbitmq-3"]
    for spec in specs:
        assert (spec.environment["HOME"], spec.environment["ERL_EPMD_PORT"]) == ("/data/home", "12")
        assert spec.secrets == (Path("/data/home/.erlang.cookie"),)
        configuration = spec.files[spec.cwd / "conf.d" / "node.conf"]
        assert "cluster_partition_handling = pause_minority\n" in configuration


@pytest.mark.parametrize("flag", ["storage.tsdb.retention.time=7d", "query.lookback-delta=1m"])
def test_prometheus_looks_as_far_back_as_composes(flag: str) -> None:
    """Objectives ask for three days. What is gone counts for a minute more, and not for five.

    Rules that are evaluated less often than every 30 s would not be seen in between.
    """
    spec = prometheus.spec(Path("/bin/prometheus"), 9, Path("/data"), {}, {})
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["prometheus"]["command"]
    assert f"--{flag}" in spec.command
    assert f"--{flag}" in compose
    rules = "".join(path.read_text() for path in RULE_FILES)
    assert set(re.findall(r"\binterval: (\w+)", rules)) == {"30s"}


def test_jaegers_monitor_tab_has_its_figures() -> None:
    """Spans are counted on the way, scraped where Prometheus looks, and asked for under those names.

    All addresses are those that the configuration, which compose shares, asks for.
    """
    given = yaml.safe_load(jaeger.CONFIGURATION.read_text())
    pipelines = given["service"]["pipelines"]
    assert "spanmetrics" in pipelines["traces"]["exporters"]
    assert pipelines["metrics/spanmetrics"] == {"receivers": ["spanmetrics"], "exporters": ["prometheus"]}
    storage = given["extensions"]["jaeger_query"]["storage"]
    backends_of_metrics = given["extensions"]["jaeger_storage"]["metric_backends"]
    asked = backends_of_metrics[storage["metrics"]]["prometheus"]
    counted = given["connectors"]["spanmetrics"]
    assert asked["latency_unit"] == counted["histogram"]["unit"]
    assert (asked["normalize_calls"], asked["normalize_duration"]) == (True, True)
    assert "dimensions" not in counted
    spec = jaeger.spec(Path("/bin/jaeger"), PORTS, Path("/data"), {})
    assert set(re.findall(r"env:(\w+)", jaeger.CONFIGURATION.read_text())) <= spec.environment.keys()
    assert spec.command == ("/bin/jaeger", "--config", f"{ROOT}/observability/config/jaeger/config.yaml")
    assert spec.environment["JAEGER_OTLP_HTTP_ENDPOINT"] == "127.0.0.1:6"
    assert spec.environment["JAEGER_STORAGE_DIRECTORY"] == "/data"
    assert spec.environment["JAEGER_METRICS_ENDPOINT"] == f"127.0.0.1:{PORTS.jaeger_metrics}"
    assert spec.environment["JAEGER_PROMETHEUS_URL"] == "http://127.0.0.1:9"


def test_loki_gets_its_addresses_and_few_labels() -> None:
    """By the variables that its configuration file, which compose shares, asks for; this machine only.

    Its index has a stream for each service and environment, and no label that a start or an order adds to.
    """
    spec, text = loki.spec(Path("/bin/loki"), PORTS, Path("/data"), {}), loki.CONFIGURATION.read_text()
    assert spec.environment.keys() == set(re.findall(r"\$\{(\w+)", text))
    assert spec.environment["LOKI_ADDRESS"] == "127.0.0.1"
    assert spec.command[1:] == (f"-config.file={loki.CONFIGURATION}", "-config.expand-env=true")
    own = services.spec("api", PORTS, Path("/data"), {}, with_loki=True).environment
    assert own[services.LOGS_ENDPOINT] == "http://127.0.0.1:10/otlp/v1/logs"
    given = yaml.safe_load(re.sub(r"\$\{(\w+):-[^}]*\}", lambda match: spec.environment[match[1]], text))
    assert given["server"]["http_listen_port"] == 10
    directories = given["common"]["storage"]["filesystem"]
    assert directories["chunks_directory"] == given["storage_config"]["filesystem"]["directory"]
    assert given["schema_config"]["configs"][0]["schema"] == "v13"
    resource = given["limits_config"]["otlp_config"]["resource_attributes"]
    assert resource["ignore_defaults"] is True
    names = ["service.name", "service.namespace", "deployment.environment.name"]
    assert resource["attributes_config"] == [{"action": "index_label", "attributes": names}]


def test_grafana_gets_what_its_provisioning_asks_for() -> None:
    """Compose shares it. No administrator has a well-known password: there is the user's, or none."""
    place = (Path("/bin/grafana-server"), Path("/home"), PORTS, Path("/data"))
    spec, own = grafana.spec(*place, {}), grafana.spec(*place, {"GF_SECURITY_ADMIN_PASSWORD": "mine"})
    assert spec.command[1:] == ("--homepath", "/home", "--config", f"{ROOT}/grafana/grafana.ini")
    assert (spec.environment["JAEGER_URL"], spec.environment["LOKI_URL"]) == (
        "http://127.0.0.1:7",
        "http://127.0.0.1:10",
    )
    assert spec.environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    provisioning = "".join(file.read_text() for file in (ROOT / "grafana/provisioning").rglob("*.yaml"))
    asked_for = set(re.findall(r"(?<!\$)\$([A-Z]+_\w+)", provisioning))
    assert asked_for
    assert asked_for <= spec.environment.keys()
    name = "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"
    assert (spec.environment[name], own.environment[name]) == ("true", "false")


@pytest.mark.parametrize("name", ["traces", "inbox", "epmd", "rabbitmq", "redis", "prometheus", "api"])
def test_data_is_kept_in_the_run_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each has a folder of its own; no configuration is elsewhere, and no password in it is left open."""
    monkeypatch.setattr(programs, "require", lambda program: Path("/bin") / program.command)
    spec = components.spec(Plan(Layout(tmp_path), PORTS, {}), name)
    assert spec.cwd == tmp_path / "data" / name
    assert all(file.is_relative_to(spec.cwd) for file in spec.files)
    assert spec.name == name
    assert spec.ports
    if name in {"rabbitmq", "redis"}:  # whose users are templates that compose fills, too
        assert any(users.PASSWORD in text for text in spec.files.values())
        assert all("${" not in text for text in spec.files.values())
