"""Settings: defaults for development, clear errors, and no default secret in production."""

import json

import pytest
from pydantic import ValidationError

from services.api.settings import Settings as ApiSettings
from services.common.settings import ServiceSettings, addresses
from services.notifier.settings import Settings as NotifierSettings
from services.worker.settings import Settings as WorkerSettings

STRONG = {
    "ENVIRONMENT": "production",
    "AMQP_URL": "amqps://shop:4f9d1c@mq.internal:5671/",
    "REDIS_URL": "rediss://:77ab0e@redis.internal:6379/0",
    "OPERATOR_TOKEN": "9e8d7c",
    "API_KEYS": json.dumps({"shop": "5e" * 32}),
}
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


@pytest.mark.parametrize(("settings", "port"), [*zip(ALL, (8000, 8001, 8002), strict=True)])
def test_development_needs_no_settings(settings: type[ServiceSettings], port: int) -> None:
    """Each service starts with nothing set, on its customary port, for this machine only."""
    defaults = settings()
    assert (defaults.environment, defaults.http_port, defaults.http_host) == (
        "development",
        port,
        "127.0.0.1",
    )


@pytest.mark.parametrize("settings", ALL)
def test_production_refuses_every_default_secret(
    monkeypatch: pytest.MonkeyPatch, settings: type[ServiceSettings]
) -> None:
    """The error names all variables that must be set, not only the first."""
    given(monkeypatch, ENVIRONMENT="production")
    with pytest.raises(ValidationError) as caught:
        settings()
    for name in settings.model_construct().secrets():
        assert name in str(caught.value)


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
    """One is enough; the others are not blamed."""
    given(monkeypatch, **{**STRONG, name: weak})
    with pytest.raises(ValidationError) as caught:
        ApiSettings()
    assert [other for other in STRONG if other in str(caught.value)] == ["ENVIRONMENT", name]


@pytest.mark.parametrize("settings", ALL)
def test_production_starts_with_secrets_of_its_own(
    monkeypatch: pytest.MonkeyPatch, settings: type[ServiceSettings]
) -> None:
    """Strong secrets are taken as they are."""
    given(monkeypatch, **STRONG)
    assert settings().redis_url == STRONG["REDIS_URL"]


@pytest.mark.parametrize("environment", ["development", "staging"])
def test_other_environments_take_the_defaults(monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    """Only production is strict."""
    given(monkeypatch, ENVIRONMENT=environment)
    assert ApiSettings().operator_token == "orderscope"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "prod"),
        ("HTTP_PORT", "0"),
        ("HTTP_PORT", "65536"),
        ("HTTP_PORT", "http"),
        ("SHUTDOWN_TIMEOUT_SECONDS", "0"),
        ("RATE_LIMIT_PER_SECOND", "-1"),
        ("CACHE_ENTRIES", "1.5"),
        ("OUTBOX_MAX_ENTRIES", "0"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The error says which setting is wrong and what it may be."""
    given(monkeypatch, **{name: value})
    with pytest.raises(ValidationError) as caught:
        ApiSettings()
    assert [error["loc"] for error in caught.value.errors()] == [(name.lower(),)]
    assert "Input should be" in str(caught.value)


@pytest.mark.parametrize(
    "urls", [",", "http://mq.internal", "amqp://", "mq.internal:5672", "amqp://u:a,b@mq.internal/"]
)
def test_addresses_of_brokers_are_looked_at_before_they_are_used(
    monkeypatch: pytest.MonkeyPatch, urls: str
) -> None:
    """A comma in a password has to be written as %2C; what is wrong is said without the password."""
    given(monkeypatch, AMQP_URL=urls)
    with pytest.raises(ValidationError, match="separated by commas") as caught:
        ApiSettings()
    assert "mq.internal" not in str(caught.value)


def test_a_cluster_is_the_addresses_of_its_nodes() -> None:
    """White space and a last comma do no harm."""
    assert addresses(" amqp://u:p@a/, amqp://u:p@b/ ,") == ["amqp://u:p@a/", "amqp://u:p@b/"]


def test_errors_do_not_tell_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed at a failed start goes into logs."""
    given(monkeypatch, **{**STRONG, "HTTP_PORT": "0", "AMQP_URL": "amqp://guest:guest@mq.internal/"})
    for change in ({}, {"HTTP_PORT": "8000"}):
        given(monkeypatch, **change)
        with pytest.raises(ValidationError) as caught:
            ApiSettings()
        assert STRONG["OPERATOR_TOKEN"] not in str(caught.value)
        assert "mq.internal" not in str(caught.value)


def test_empty_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Compose passes variables that nobody set."""
    given(monkeypatch, HTTP_PORT="", AMQP_URL="")
    assert ApiSettings() == ApiSettings.model_construct()


def test_settings_cannot_be_changed() -> None:
    """They are read once."""
    with pytest.raises(ValidationError, match="frozen"):
        ApiSettings().http_port = 1  # type: ignore[misc]
