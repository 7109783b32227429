"""How each component is run: on which ports, with which settings, nothing of the user in the way."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from services.common.messaging.topology import EXCHANGE
from stack import components
from stack.components import Plan
from stack.layout import ROOT, Layout
from stack.ports import Ports
from stack.servers import backends, grafana, jaeger, loki, prometheus, rabbitmq, services, users
from stack.servers.rabbitmq_cluster import Listeners, cluster
from stack.spec import Spec

PORTS = Ports(
    api=1, worker=2, notifier=3, amqp=4, redis=5, otlp_http=6, traces=7, smtp=8, prometheus=9, loki=10
)


def service(name: str = "api", **environ: str) -> Spec:
    """Return how a service is run in an environment."""
    return services.spec(name, PORTS, Path("/data"), environ)


def node(environ: Mapping[str, str], **settings: object) -> Spec:
    """Return how a RabbitMQ node is run in an environment."""
    given = {"amqp": 4, "management": 5, "metrics": 6, "distribution": 7, "epmd": 8, **settings}
    place = {"program": Path("/bin/server"), "directory": Path("/data/one"), "home": Path("/data/home")}
    return rabbitmq.spec(rabbitmq.Node(**place, **given), environ)  # type: ignore[arg-type]  # a test's shorthand


def test_a_service_gets_the_addresses_of_its_servers() -> None:
    """Addresses are the stack's, whatever the user's environment says."""
    spec = service(
        REDIS_URL="redis://production", HTTP_PORT="80", OTEL_EXPORTER_OTLP_ENDPOINT="http://elsewhere"
    )
    assert spec.command == (sys.executable, "-m", "services.api")
    assert {
        "AMQP_URL": "amqp://api:orderscope@127.0.0.1:4/",
        "REDIS_URL": "redis://api:orderscope@127.0.0.1:5/0",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:6",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": "8",
    }.items() <= spec.environment.items()
    assert [service(name).environment["HTTP_PORT"] for name in ("worker", "notifier")] == ["2", "3"]


def test_what_the_user_sets_is_passed_on() -> None:
    """Settings of the services and of OpenTelemetry, but no other address for traces."""
    given = {"TELEMETRY": "off", "TRACE_ASYNC": "link", "OTEL_TRACES_SAMPLER": "always_off"}
    elsewhere = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://elsewhere/v1/traces"}
    environment = service(**given, **elsewhere).environment
    assert given.items() <= environment.items()
    assert not elsewhere.keys() & environment.keys()


def test_log_lines_go_to_a_loki_that_runs() -> None:
    """Else to where the user says; else to the file only."""
    name, theirs = services.LOGS_ENDPOINT, "http://elsewhere/v1/logs"
    assert name not in service().environment
    assert service(**{name: theirs}).environment[name] == theirs
    with_loki = services.spec("api", PORTS, Path("/data"), {name: theirs}, with_loki=True)
    assert with_loki.environment[name] == "http://127.0.0.1:10/otlp/v1/logs"


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
    environment = node({**theirs, busy_wait: "none"}).environment
    assert "theirs" not in "".join(environment.values())
    assert environment["RABBITMQ_NODENAME"] == "orderscope@127.0.0.1"
    assert (environment[busy_wait], node({}).environment[busy_wait]) == ("none", "very_short")


def test_a_node_listens_on_this_machine_only() -> None:
    """For clients, for people, for Prometheus, and for other nodes."""
    spec = node({})
    configuration = spec.files[Path("/data/one/conf.d/node.conf")]
    assert "listeners.tcp.1 = 127.0.0.1:4\n" in configuration
    assert "management.tcp.ip = 127.0.0.1\n" in configuration
    assert "prometheus.tcp.ip = 127.0.0.1\n" in configuration
    assert "inet_dist_use_interface {127,0,0,1}" in spec.environment["ERL_FLAGS"]
    assert spec.environment["RABBITMQ_DIST_PORT"] == "7"


def test_a_node_starts_no_port_mapper_of_its_own() -> None:
    """It would be a daemon that outlives everything; the stack's is waited for instead."""
    spec = node({})
    assert "-start_epmd false" in spec.environment["ERL_FLAGS"]
    assert spec.environment["ERL_EPMD_PORT"] == "8"
    assert spec.after == ("epmd",)


@pytest.mark.parametrize("name", ["rabbitmq", "redis"])
def test_every_password_of_a_server_is_filled_in(name: str) -> None:
    """Nothing of the templates that compose fills, too, is left open."""
    spec = components.spec(Plan(Layout(Path("/run")), Ports(rabbitmq_distribution=1, epmd=2), {}), name)
    assert all("${" not in text for text in spec.files.values())
    assert any(users.PASSWORD in text for text in spec.files.values())


def test_definitions_bring_the_exchange_that_services_look_for() -> None:
    """No service may declare it; each has a user, and its password is the only thing left open."""
    definitions = json.loads(users.rabbitmq_definitions())
    [exchange] = definitions["exchanges"]
    assert (exchange["name"], exchange["type"], exchange["durable"]) == (EXCHANGE, "topic", True)
    assert [user["name"] for user in definitions["users"]] == [rabbitmq.ADMINISTRATOR, *users.SERVICES]


def test_nodes_of_a_cluster_have_folders_of_their_own_and_one_home() -> None:
    """Each knows all, has data of its own, and shares the cookie in the home."""
    listeners = [Listeners(*range(number, number + 4)) for number in (10, 20, 30)]
    specs = cluster(Path("/bin/server"), Path("/data"), 8, listeners, {})
    assert [spec.name for spec in specs] == ["rabbitmq-1", "rabbitmq-2", "rabbitmq-3"]
    assert len({spec.cwd for spec in specs}) == 3
    assert {spec.environment["HOME"] for spec in specs} == {"/data/home"}
    for spec in specs:
        configuration = spec.files[spec.cwd / "conf.d" / "node.conf"]
        assert "cluster_formation.classic_config.nodes.3 = rabbitmq-3@127.0.0.1\n" in configuration
        assert "cluster_partition_handling = pause_minority\n" in configuration
        assert spec.secrets == (Path("/data/home/.erlang.cookie"),)


@pytest.mark.parametrize("flag", ["storage.tsdb.retention.time=7d", "query.lookback-delta=1m"])
def test_prometheus_looks_as_far_back_as_composes(flag: str) -> None:
    """Objectives ask for three days. What is gone counts for a minute more, and not for five.

    Rules that are evaluated less often than every 30 s would not be seen in between.
    """
    spec = prometheus.spec(Path("/bin/prometheus"), 9, Path("/data"), {}, {})
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["prometheus"]["command"]
    assert f"--{flag}" in spec.command
    assert f"--{flag}" in compose
    rules = [path.read_text() for path in (ROOT / "observability" / "config" / "rules").glob("*.yaml")]
    assert {every for text in rules for every in re.findall(r"\binterval: (\w+)", text)} <= {"30s"}


def test_jaeger_gets_its_addresses() -> None:
    """By the variables that its configuration file, which compose shares, asks for."""
    spec = jaeger.spec(Path("/bin/jaeger"), PORTS, Path("/data"), {})
    assert spec.command == ("/bin/jaeger", "--config", str(ROOT / "observability/config/jaeger/config.yaml"))
    assert spec.environment["JAEGER_OTLP_HTTP_ENDPOINT"] == "127.0.0.1:6"
    assert spec.environment["JAEGER_QUERY_HTTP_ENDPOINT"] == "127.0.0.1:7"
    asked_for = set(re.findall(r"env:(\w+)", jaeger.CONFIGURATION.read_text()))
    assert asked_for <= spec.environment.keys()


def test_jaegers_monitor_tab_has_its_figures() -> None:
    """Spans are counted on the way, scraped where Prometheus looks, and asked for under those names."""
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
    spec = jaeger.spec(Path("/bin/jaeger"), Ports(jaeger_metrics=11, prometheus=9), Path("/data"), {})
    assert spec.environment["JAEGER_METRICS_ENDPOINT"] == "127.0.0.1:11"
    assert spec.environment["JAEGER_PROMETHEUS_URL"] == "http://127.0.0.1:9"


def test_loki_gets_its_addresses() -> None:
    """By the variables that its configuration file, which compose shares, asks for; this machine only."""
    spec = loki.spec(Path("/bin/loki"), PORTS, Path("/data"), {})
    assert spec.command[1:] == (f"-config.file={loki.CONFIGURATION}", "-config.expand-env=true")
    text = loki.CONFIGURATION.read_text()
    assert spec.environment.keys() == set(re.findall(r"\$\{(\w+)", text))
    assert spec.environment["LOKI_ADDRESS"] == "127.0.0.1"
    filled = re.sub(r"\$\{(\w+):-[^}]*\}", lambda match: spec.environment[match[1]], text)
    given = yaml.safe_load(filled)
    assert given["server"]["http_listen_port"] == 10
    directories = given["common"]["storage"]["filesystem"]
    assert directories["chunks_directory"] == given["storage_config"]["filesystem"]["directory"]
    assert given["schema_config"]["configs"][0]["schema"] == "v13"


def test_lokis_index_has_no_label_that_a_start_or_an_order_adds_to() -> None:
    """A stream for each service and environment; what has many values is found beside the index."""
    limits = yaml.safe_load(loki.CONFIGURATION.read_text())["limits_config"]
    resource = limits["otlp_config"]["resource_attributes"]
    assert resource["ignore_defaults"] is True
    [labels] = resource["attributes_config"]
    assert labels == {
        "action": "index_label",
        "attributes": ["service.name", "service.namespace", "deployment.environment.name"],
    }


def test_grafana_gets_its_data_sources() -> None:
    """By the variables that the provisioning, which compose shares, asks for."""
    spec = grafana.spec(Path("/bin/grafana"), Path("/usr/share/grafana"), PORTS, Path("/data"), {})
    assert spec.command[:4] == ("/bin/grafana", "server", "--homepath", "/usr/share/grafana")
    assert spec.environment["PROMETHEUS_URL"] == "http://127.0.0.1:9"
    assert spec.environment["JAEGER_URL"] == "http://127.0.0.1:7"
    assert spec.environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_grafana_has_no_administrator_with_a_well_known_password() -> None:
    """Unless the user chooses one, there is none."""
    name = "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"
    own = {"GF_SECURITY_ADMIN_PASSWORD": "mine"}
    place = (Path("/bin/grafana-server"), Path("/home"), PORTS, Path("/data"))
    assert grafana.spec(*place, {}).environment[name] == "true"
    assert grafana.spec(*place, own).environment[name] == "false"
    assert grafana.spec(*place, {}).command[1] == "--homepath"


@pytest.mark.parametrize("place", ["given", "archive"])
def test_grafanas_defaults_are_found(tmp_path: Path, place: str) -> None:
    """Where the user says, or beside the program, as an archive unpacks."""
    home = tmp_path / place
    (home / "conf").mkdir(parents=True)
    (home / "conf" / "defaults.ini").write_text("")
    program = tmp_path / "archive" / "bin" / "grafana"
    environ = {"GF_PATHS_HOME": str(home)} if place == "given" else {}
    assert grafana.find_home(program, environ) == home
    assert grafana.find_home(tmp_path / "other" / "bin" / "grafana", {}) in {None, grafana.PACKAGED_HOME}


@pytest.mark.parametrize("name", ["traces", "inbox", "epmd", "rabbitmq", "redis", "prometheus", "api"])
def test_data_is_kept_in_the_run_directory(tmp_path: Path, name: str) -> None:
    """Each component has a folder of its own, and no configuration is written elsewhere."""
    spec = components.spec(Plan(Layout(tmp_path), Ports(rabbitmq_distribution=1, epmd=2), {}), name)
    assert spec.cwd == tmp_path / "data" / name
    assert all(file.is_relative_to(spec.cwd) for file in spec.files)
    assert spec.name == name
    assert spec.ports
