"""Settings that every service has, read from the environment by the entry point and by nothing else."""

import ssl
from collections.abc import Iterable
from typing import Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.common.http.server import free_address
from services.common.redis.client import is_usable

Environment = Literal["development", "staging", "production"]

YEAR = 365 * 24 * 3600
DEVELOPMENT_SECRET = "orderscope"  # noqa: S105 - public on purpose, refused in production
KNOWN_SECRETS = frozenset({"", DEVELOPMENT_SECRET, "guest", "change-me"})


def addresses(urls: str) -> list[str]:
    """Return the addresses in a list separated by commas."""
    return [url.strip() for url in urls.split(",") if url.strip()]


def weakest(secrets: Iterable[str]) -> str:
    """Return one of several secrets: a well-known one when there is one among them."""
    return min(secrets, key=lambda secret: secret not in KNOWN_SECRETS, default="")


def _has_host(url: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its port is no number, or its host no address
        return False


def _is_usable_broker(url: str) -> bool:
    """Return whether the options of an address are as aiormq reads them, and name files that can be read."""
    options = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    try:
        for name in {"heartbeat", "timeout"} & options.keys():
            int(options[name])
        tls = ssl.create_default_context(cafile=options.get("cafile"), capath=options.get("capath"))
        if certificate := options.get("certfile"):
            tls.load_cert_chain(certificate, options.get("keyfile"))
    except (ValueError, OSError):
        return False
    return _has_host(url, "amqp", "amqps")


class ServiceSettings(BaseSettings):
    """The settings of every service, read from its environment.

    Raises:
        pydantic.ValidationError: A value is malformed, or a default secret is used in production.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    environment: Environment = "development"
    service_version: str = "0.1.0"
    amqp_url: str = f"amqp://orderscope:{DEVELOPMENT_SECRET}@127.0.0.1:5672/"
    """Of a cluster, the addresses of all nodes, separated by commas."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=1, le=65535)
    http_keep_alive_seconds: float = Field(default=10.0, ge=1, le=3600)
    """How long a connection may be idle, or take for a head; behind a proxy, longer than the proxy does."""
    shutdown_timeout_seconds: float = Field(default=20.0, gt=0, le=3600)
    """How long work in progress may take to finish after SIGTERM."""
    outbox_max_entries: int = Field(default=100_000, ge=1, le=100_000_000)
    """Entries that may wait for the broker; past them an order is refused with 503."""
    retention_seconds: int = Field(default=7 * 24 * 3600, ge=60, le=10 * YEAR)
    """How long a settled order, and what was done for it, is kept."""
    retention_memory_share: float = Field(default=0.75, gt=0, le=1)
    """Share of Redis' memory past which what is settled is forgotten sooner, the oldest first."""
    stuck_after_seconds: float = Field(default=180.0, ge=1, le=7 * 24 * 3600)
    """How long an order may take, retries included (36 s of waiting), before its event is published again."""

    def secrets(self) -> dict[str, str]:
        """Return every secret in use by the name of its variable."""
        return {
            "AMQP_URL": weakest(urlsplit(url).password or "" for url in addresses(self.amqp_url)),
            "REDIS_URL": urlsplit(self.redis_url).password or "",
        }

    def startable(self) -> Self:
        """Return the settings; raises `ValueError` when HTTP cannot be served where they say."""
        try:
            free_address(self.http_host, self.http_port)
        except OSError as error:
            raise ValueError(f"HTTP_HOST, HTTP_PORT: {error.strerror}") from None
        return self

    @field_validator("amqp_url")
    @classmethod
    def _addresses_of_brokers(cls, urls: str) -> str:
        found = addresses(urls)
        if not found or not all(map(_is_usable_broker, found)):
            raise ValueError(
                "should be amqp://USER:PASSWORD@HOST:PORT/ and options of aiormq, several separated by commas"
            )
        return urls

    @field_validator("redis_url")
    @classmethod
    def _address_of_redis(cls, url: str) -> str:
        if not (_has_host(url, "redis", "rediss") and is_usable(url)):
            raise ValueError("should be redis://USER:PASSWORD@HOST:PORT/0 and options of redis-py")
        return url

    @model_validator(mode="after")
    def _no_default_secret_in_production(self) -> Self:
        if self.environment == "production":
            weak = sorted(name for name, value in self.secrets().items() if value in KNOWN_SECRETS)
            if weak:
                raise ValueError(
                    f"ENVIRONMENT=production refuses default or empty secrets in {', '.join(weak)}"
                )
        return self
