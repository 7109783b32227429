"""Every container of the full stack is pinned, contained, bounded and watched."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadtests import options
from stack.dotenv import variables

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "services" / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = variables((ROOT / ".env.example").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "prometheus.yml").read_text(encoding="utf-8"))

OURS = {"api": 8000, "worker": 8001, "notifier": 8002}
SERVERS = {"rabbitmq", "redis", "prometheus", "alertmanager", "jaeger", "loki", "grafana", "mailpit"}
IMAGES_WITH_A_USER = ("prom/", "jaegertracing/", "grafana/")
LOAD = "load"
"""Built here, and no part of the system: a profile of its own."""
BUILT = {*OURS, LOAD}

each_service = pytest.mark.parametrize(
    ("name", "service"), [pytest.param(name, service, id=name) for name, service in SERVICES.items()]
)


def test_the_whole_system_is_there() -> None:
    """One command starts the services, their servers, and everything one looks at them with."""
    assert set(SERVICES) == SERVERS | BUILT
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {LOAD}


@each_service
def test_image_is_built_here_or_pinned_to_a_version(name: str, service: dict[str, Any]) -> None:
    """What runs tomorrow is what runs today."""
    if name in BUILT:
        assert service["build"]["target"] == name
        assert f"AS {name}\n" in DOCKERFILE
    else:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+(-[a-z-]+)?", service["image"])


@each_service
def test_container_is_denied_what_it_does_not_need(name: str, service: dict[str, Any]) -> None:
    """Its file system is read-only, it has no capability and cannot gain one.

    It runs as a user that compose, our Dockerfile or the image names. Memory, processes, logs and temporary
    files end somewhere, each said in one place.
    """
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"cap_add", "privileged", "pid", "ipc", "network_mode", "devices"}
    user = str(service.get("user", ""))
    if name in BUILT:
        assert "\nUSER 10001:10001\n" in DOCKERFILE.partition(f" AS {'base' if name in OURS else name}\n")[2]
    elif not service["image"].startswith(IMAGES_WITH_A_USER):
        assert user
    assert user.partition(":")[0] not in {"root", "0"}
    assert set(service["deploy"]["resources"]["limits"]) == {"memory", "pids"}
    assert not service.keys() & {"mem_limit", "pids_limit"}
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert all("size=" in mount for mount in service.get("tmpfs", ())), name
    assert service["stop_grace_period"]


@each_service
def test_container_is_watched_and_starts_after_what_it_needs(name: str, service: dict[str, Any]) -> None:
    """It says whether it is well, and what depends on it waits for that rather than for its start.

    Services do not wait for Prometheus; they are stopped before it, so that it sees them say that they stop.
    """
    assert ("\nHEALTHCHECK " in DOCKERFILE) if name in OURS else service["healthcheck"]["test"]
    needed = service.get("depends_on", {})
    assert needed.keys() <= SERVICES.keys()
    healthy, before = {"condition": "service_healthy"}, {"condition": "service_started", "required": False}
    assert {server: before if server == "prometheus" else healthy for server in needed} == needed


@pytest.mark.parametrize(("name", "port"), OURS.items())
def test_service_needs_servers_of_orders_only_and_can_be_scaled(name: str, port: int) -> None:
    """No replica claims a name or a port that the next would want too; Prometheus finds each within 5 s.

    It starts without telemetry and inbox. Log lines go to Loki under its own path for OTLP.
    """
    service = SERVICES[name]
    assert set(service["depends_on"]) == {"rabbitmq", "redis", "prometheus"}
    assert not service.keys() & {"container_name", "hostname"}
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+-\d+:\d+", given) for given in service.get("ports", ()))
    (job,) = (job for job in PROMETHEUS["scrape_configs"] if job["job_name"] == name)
    expected = {"names": [name], "type": "A", "port": port, "refresh_interval": "5s"}
    assert job["dns_sd_configs"] == [expected]
    assert f"AS {name}\nENV HTTP_PORT={port}\n" in DOCKERFILE
    assert service["environment"]["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] == "http://loki:3100/otlp/v1/logs"
    assert service["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4318"


def test_nobody_waits_for_loki() -> None:
    """Grafana asks its sources when somebody looks; Loki is ready as soon as its parts found each other."""
    assert not any("loki" in service.get("depends_on", {}) for service in SERVICES.values())
    config = (ROOT / "observability" / "config" / "loki" / "config.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(config)["frontend"] == {"scheduler_dns_lookup_period": "1s"}


@each_service
def test_container_reaches_declared_volumes_read_only_files_and_this_machine(
    name: str, service: dict[str, Any]
) -> None:
    """A file of the repository is there; nothing listens on the network that the machine is in."""
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+(-\d+)?:\d+", port) for port in service.get("ports", ())), name
    assert service["networks"] == ["orderscope"]
    for mount in service.get("volumes", ()):
        source, _, rest = mount.partition(":")
        if source.startswith("./"):
            assert rest.endswith(":ro"), f"{name}: {mount}"
            assert (ROOT / source).exists(), f"{name}: {mount}"
        else:
            assert source in COMPOSE["volumes"]


LOAD_VARIABLES = {name for name in SERVICES[LOAD]["environment"] if name.startswith("LOAD_")} - {
    "LOAD_HOST",
    "LOAD_TRACES",
}


def test_the_load_test_is_told_of_nothing_but_the_api() -> None:
    """It has the clients' key and is told how to run; what it needs, and no more, is in its image."""
    environment = SERVICES[LOAD]["environment"]
    assert environment.keys() - LOAD_VARIABLES == {
        "LOAD_HOST", "LOAD_TRACES", "API_KEY", "ENVIRONMENT", "TELEMETRY", "OTEL_EXPORTER_OTLP_ENDPOINT"
    }  # fmt: skip
    elsewhere = {"LOAD_HOST", "LOAD_TRACES", "LOAD_UI_HOST", "LOAD_UI_PORT", "LOAD_RESULTS"}
    assert {options.variable(name) for name in options.TYPES} - elsewhere == LOAD_VARIABLES
    assert environment["LOAD_HOST"] == f"http://api:{OURS['api']}"
    stage = DOCKERFILE.partition(" AS build-load\n")[2].partition("\nFROM ")[0]
    assert re.findall(r"^COPY (.+)$", stage, re.MULTILINE) == [
        "requirements-load.lock .",
        "loadtests loadtests",
        "observability observability",
    ]


def test_the_load_test_can_write_its_results() -> None:
    """The folder is its user's, and so is a volume made now; an older one stays root's."""
    stage = DOCKERFILE.partition(" AS load\n")[2].partition("\nFROM ")[0]
    assert re.search(r"^RUN install -d -o 10001 -g 10001 /results\nUSER 10001:10001$", stage, re.MULTILINE)
    assert SERVICES[LOAD]["volumes"] == ["load-reports:/results"]
    assert "load-results" not in COMPOSE["volumes"]


def test_no_secret_is_written_down() -> None:
    """Each secret, or the hash that does instead, comes from `.env`; compose says what makes one."""
    secrets = {name for name, value in EXAMPLE.items() if not value and f"{name}_SHA256" not in EXAMPLE}
    required = set(re.findall(r"\$\{(\w+):\?run make up, which fills \.env\}", TEXT))
    assert required == secrets
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT)) == set(EXAMPLE) | {"VERSION"} | LOAD_VARIABLES
    values = {k: v for s in SERVICES.values() for k, v in s.get("environment", {}).items()}
    secret_values = {
        v for k, v in values.items() if re.search("PASS|TOKEN|SECRET|AUTH|AMQP_URL|REDIS_URL", k)
    }
    assert all("${" in value for value in secret_values)


@pytest.mark.parametrize("name", OURS)
def test_each_service_enters_the_servers_as_itself(name: str) -> None:
    """With a password of its own, which no other service is told."""
    for variable, server in (("AMQP_URL", "RABBITMQ"), ("REDIS_URL", "REDIS")):
        address = SERVICES[name]["environment"][variable]
        assert re.search(rf"//{name}:\${{{server}_{name.upper()}_PASSWORD[:}}]", address)
    told = set(re.findall(r"\$\{(\w+_PASSWORD)", str(SERVICES[name]["environment"])))
    assert told == {f"RABBITMQ_{name.upper()}_PASSWORD", f"REDIS_{name.upper()}_PASSWORD"}


@pytest.mark.parametrize(("server", "template"), [("rabbitmq", "definitions.json"), ("redis", "users.conf")])
def test_servers_fill_the_templates_that_the_native_stack_fills(server: str, template: str) -> None:
    """With every password of the environment, and not at all when one is missing; none is an argument."""
    assert f"./stack/config/{template}:/etc/orderscope/{template}:ro" in SERVICES[server]["volumes"]
    command = SERVICES[server]["command"][-1]
    assert f"awk -f /etc/orderscope/fill.awk /etc/orderscope/{template} >" in command
    assert "PASS" not in command
    passwords = {name: f"secret of {name}" for name in SERVICES[server]["environment"]}
    filled = fill(template, passwords)
    asked_for = set(re.findall(r"\$\{(\w+)\}", (ROOT / "stack/config" / template).read_text()))
    assert asked_for <= passwords.keys()
    assert filled.returncode == 0
    assert all(passwords[name] in filled.stdout for name in asked_for)
    assert "${" not in filled.stdout
    lacking = fill(template, dict.fromkeys(asked_for - {f"{server.upper()}_API_PASSWORD"}, "x"))
    assert lacking.returncode == 1
    assert lacking.stderr == f"{server.upper()}_API_PASSWORD is not set\n"


def fill(template: str, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Fill a template as a container does."""
    place = ROOT / "stack" / "config"
    return subprocess.run(  # noqa: S603 - our own program
        ["/usr/bin/awk", "-f", place / "fill.awk", place / template],
        env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_prometheus_keeps_exemplars() -> None:
    """Without the flag, no point of a chart leads to a trace."""
    assert "--enable-feature=exemplar-storage" in SERVICES["prometheus"]["command"]
    assert PROMETHEUS["global"]["scrape_interval"] == "5s"


def test_jaegers_figures_go_to_prometheus_and_come_back() -> None:
    """It is scraped where it listens, and asks the Prometheus that scrapes it."""
    environment = SERVICES["jaeger"]["environment"]
    (job,) = (job for job in PROMETHEUS["scrape_configs"] if job["job_name"] == "jaeger")
    [group] = job["static_configs"]
    port = environment["JAEGER_METRICS_ENDPOINT"].partition(":")[2]
    assert group == {"targets": [f"jaeger:{port}"]}
    assert environment["JAEGER_PROMETHEUS_URL"] == "http://prometheus:9090"
    assert job["sample_limit"]


@pytest.mark.parametrize("name", ["jaeger", "loki"])
def test_every_variable_of_a_configuration_is_one_that_the_native_stack_sets_too(name: str) -> None:
    """Compose and the native stack share the file: what one of them forgets has a default in it."""
    text = (ROOT / "observability" / "config" / name / "config.yaml").read_text(encoding="utf-8")
    variables_of_it = {variable for variable in SERVICES[name]["environment"] if name.upper() in variable}
    assert variables_of_it <= set(re.findall(r"\$\{(?:env:)?(\w+)", text))
