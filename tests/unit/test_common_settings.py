"""Settings: defaults for development, clear errors, and no default secret in production."""

import json
import os
import re
import socket
import subprocess
import sys

import pytest
from pydantic import ValidationError

from services.api.settings import Settings as ApiSettings
from services.common.settings import ServiceSettings, addresses
from services.notifier.settings import Settings as NotifierSettings
from services.worker.settings import Settings as WorkerSettings
from tests.telemetry.contract import CONTRACT
from tests.telemetry.lines import problems
from tests.unit.wire import free_port

STRONG = {
    "ENVIRONMENT": "production",
    "AMQP_URL": "amqps://shop:4f9d1c@mq.internal:5671/",
    "REDIS_URL": "rediss://:77ab0e@redis.internal:6379/0",
    "OPERATOR_TOKEN": "9e8d7c",
    "API_KEYS": json.dumps({"shop": "5e" * 32}),
}
REDIS_OPTIONS = [
    "socket_timeout=abc",
    "max_connections=abc",
    "nosuch=abc",
    "protocol=9",
    "ssl_ca_certs=/nope",
]
AMQP_OPTIONS = ("heartbeat=abc", "timeout=", "cafile=/no", "certfile=/no")
ALL: list[type[ServiceSettings]] = [ApiSettings, WorkerSettings, NotifierSettings]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the variables of the shell that runs the tests out of them."""
    for settings in ALL:
        for name in settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set environment variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def refusal(settings: type[ServiceSettings] = ApiSettings) -> str:
    """Return the error that reading the settings ends in."""
    with pytest.raises(ValidationError) as caught:
        settings()
    return str(caught.value)


@pytest.mark.parametrize("environment", ["", "staging"])
@pytest.mark.parametrize(("settings", "port"), [*zip(ALL, (8000, 8001, 8002), strict=True)])
def test_only_production_needs_settings(
    monkeypatch: pytest.MonkeyPatch, settings: type[ServiceSettings], port: int, environment: str
) -> None:
    """Elsewhere each service starts with defaults, on its customary port, for this machine only."""
    given(monkeypatch, ENVIRONMENT=environment)
    defaults = settings()
    assert defaults.environment == (environment or "development")
    assert (defaults.http_host, defaults.http_port) == ("127.0.0.1", port)


@pytest.mark.parametrize("settings", ALL)
def test_production_wants_secrets_of_its_own(
    monkeypatch: pytest.MonkeyPatch, settings: type[ServiceSettings]
) -> None:
    """The error names all that must be set, not only the first; strong ones are taken as they are."""
    given(monkeypatch, ENVIRONMENT="production")
    error = refusal(settings)
    assert [name for name in settings.model_construct().secrets() if name not in error] == []
    given(monkeypatch, **STRONG)
    assert settings().redis_url == STRONG["REDIS_URL"]


@pytest.mark.parametrize(
    ("name", "weak"),
    [
        ("OPERATOR_TOKEN", "orderscope"),
        ("OPERATOR_TOKEN", "change-me"),
        ("OPERATOR_TOKEN", ""),
        ("AMQP_URL", "amqp://guest:guest@mq.internal/"),
        ("AMQP_URL", "amqp://mq.internal/"),
        ("AMQP_URL", "amqp://shop:4f9d1c@mq1.internal/,amqp://shop:orderscope@mq2.internal/"),
        ("AMQP_URL", "amqp://shop:4f9d1c@mq1.internal/,amqp://mq2.internal/"),
        ("REDIS_URL", "redis://redis.internal:6379/0"),
    ],
)
def test_production_refuses_one_weak_secret(monkeypatch: pytest.MonkeyPatch, name: str, weak: str) -> None:
    """One is enough; the others are not blamed, and none is repeated in what goes into logs."""
    given(monkeypatch, **{**STRONG, name: weak})
    error = refusal()
    assert [other for other in STRONG if other in error] == ["ENVIRONMENT", name]
    assert STRONG["OPERATOR_TOKEN"] not in error
    assert "internal" not in error


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "prod"),
        ("HTTP_PORT", "0"),
        ("HTTP_PORT", "65536"),
        ("HTTP_PORT", "http"),
        ("SHUTDOWN_TIMEOUT_SECONDS", "0"),
        ("RATE_LIMIT_PER_SECOND", "-1"),
        ("RATE_LIMIT_PER_SECOND", "1e-320"),
        ("CACHE_ENTRIES", "1.5"),
        ("OUTBOX_MAX_ENTRIES", "0"),
        *(("AMQP_URL", url) for url in (",", "http://mq.internal", "amqp://", "mq.internal:5672")),
        ("AMQP_URL", "amqp://u:a,b@mq.internal/"),
        *(
            ("REDIS_URL", url)
            for url in ("mq.internal", "redis://:9e8d7c/mq.internal", "redis://mq.internal:x", "unix:///mq")
        ),
        ("REDIS_URL", "redis://:9e8d7c@mq.internal/abc"),
        *(("REDIS_URL", f"rediss://:9e8d7c@mq.internal/?{option}") for option in REDIS_OPTIONS),
        *(("AMQP_URL", f"amqps://u:4f9d1c@mq.internal/?{option}") for option in AMQP_OPTIONS),
        ("DEAD_LETTER_QUEUES", '[""]'),
        ("OPERATOR_TOKEN", "Schlüssel"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The error says which setting is wrong and what it should be, and repeats no address or password."""
    given(monkeypatch, **{**STRONG, name: value})
    error = refusal()
    assert re.search(rf"^{name.lower()}(\.0)?$", error, re.MULTILINE)
    assert "should" in error
    assert not [text for text in ("mq.internal", "4f9d1c", "9e8d7c", "Schl") if text in error]


@pytest.mark.parametrize("value", ["inf", "nan", "9" * 24])
@pytest.mark.parametrize("settings", ALL)
def test_every_number_has_bounds(
    monkeypatch: pytest.MonkeyPatch, settings: type[ServiceSettings], value: str
) -> None:
    """What Redis or a timer cannot take is refused at the start, not at each request."""
    numbers = {name for name, field in settings.model_fields.items() if field.annotation in (int, float)}
    given(monkeypatch, **{name.upper(): value for name in numbers})
    error = refusal(settings)
    assert [name for name in numbers if f"\n{name}\n" not in error] == []


def test_a_cluster_is_the_addresses_of_its_nodes() -> None:
    """White space and a last comma do no harm."""
    assert addresses(" amqp://u:p@a/, amqp://u:p@b/ ,") == ["amqp://u:p@a/", "amqp://u:p@b/"]


def test_empty_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Compose passes variables that nobody set."""
    given(monkeypatch, HTTP_PORT="", AMQP_URL="")
    assert ApiSettings() == ApiSettings.model_construct()


@pytest.mark.parametrize(
    ("service", "name", "value"),
    [
        ("api", "HTTP_PORT", "http"),
        ("api", "API_KEYS", "{"),
        ("api", "OTEL_PROPAGATORS", "tracecontext,b3multi-x"),
        ("worker", "OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
        ("worker", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many"),
        ("worker", "OTEL_ATTRIBUTE_COUNT_LIMIT", "-1"),
        ("worker", "OTEL_EXPORTER_OTLP_HEADERS", "authorization"),
        ("worker", "OTEL_TRACES_SAMPLER", "foo"),
        ("worker", "OTEL_TRACES_SAMPLER_ARG", "7"),
        ("api", "DEAD_LETTER_QUEUES", '"one"'),
        *(
            ("notifier", "HTTP_HOST", host)
            for host in ("no.such.host.invalid", "a b", "[::1]", "8.8.8.8", "a" * 64)
        ),
        ("notifier", "HTTP_PORT", "taken"),
        ("notifier", "REDIS_URL", "redis.internal"),
        ("notifier", "ENVIRONMENT", "production"),
    ],
)
def test_a_service_names_what_keeps_it_from_starting(service: str, name: str, value: str) -> None:
    """In one line of JSON and one sentence, with status 2 and no traceback."""
    command = [sys.executable, "-m", f"services.{service}"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        variables = {"HTTP_PORT": str(free_port()), name: value}
        if value == "taken":
            variables[name] = str(taken.getsockname()[1])
        ended = subprocess.run(  # noqa: S603 - our own program
            command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=30, check=False
        )
    line = json.loads(ended.stdout)
    assert ended.returncode == 2
    assert problems(CONTRACT, line) == []
    assert name in line["error"]
    assert ended.stderr == f"{service} cannot start: {line['error']}.\n"
    assert not re.search(r"tuple|unpack|\.\.$", ended.stderr)
