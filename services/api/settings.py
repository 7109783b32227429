"""Settings of the api."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from services.api.keys import CLIENT_NAME, ApiKeys
from services.common.settings import DEVELOPMENT_SECRET, YEAR, ServiceSettings

ClientName = Annotated[str, StringConstraints(pattern=CLIENT_NAME)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
QueueName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Origin = Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^/?#@\s]+)$")]


class Settings(ServiceSettings):
    """The settings of the api, beside those of every service."""

    http_port: int = Field(default=8000, ge=1, le=65535)
    operator_token: Annotated[str, StringConstraints(pattern=r"^[!-~]*$")] = DEVELOPMENT_SECRET
    """For the operators' routes, as a bearer token; production refuses its default."""
    dead_letter_queues: tuple[QueueName, ...] = ("worker.order-created.dlq", "notifier.order-outcome.dlq")
    """Where the services set messages aside, as a JSON list."""
    api_keys: dict[ClientName, Sha256] = Field(default={})
    """As JSON: the SHA-256 (hex) of each client's key by the client's name."""
    require_api_key: bool | None = None
    """Whether a request needs a key; unset: in production it does."""
    trust_trace_context: Literal["never", "api-key", "always"] | None = None
    """Whose `traceparent` and `baggage` are continued, where others' are only linked to: nobody's, those of
    clients with a known key, everybody's. Unset: `always` in development, otherwise `api-key`."""
    cors_origins: tuple[Origin, ...] = ()
    """As JSON: origins whose pages may use the api from a browser; `*` for all."""
    rate_limit_per_second: float = Field(default=1000.0, ge=0.001, le=1_000_000)
    """Requests a second that one client may make for long."""
    rate_limit_burst: int = Field(default=2000, ge=1, le=10_000_000)
    """Requests that one client may make at once."""
    idempotency_ttl_seconds: int = Field(default=24 * 3600, ge=60, le=YEAR)
    """How long an `Idempotency-Key` is remembered."""
    cache_entries: int = Field(default=10_000, ge=1, le=10_000_000)
    """Settled orders kept in memory."""
    cache_ttl_seconds: float = Field(default=60.0, gt=0, le=24 * 3600)
    max_event_streams: int = Field(default=500, ge=1, le=1_000_000)
    """Clients of one process that may follow an order at the same time."""

    def secrets(self) -> dict[str, str]:
        """Return every secret in use by the name of its variable."""
        return {**super().secrets(), "OPERATOR_TOKEN": self.operator_token}

    def keys(self) -> ApiKeys:
        """Return the keys, and whether one is needed."""
        required = self.environment == "production" if self.require_api_key is None else self.require_api_key
        return ApiKeys(self.api_keys, required=required)

    def trusted(self) -> Callable[[Mapping[str, str]], bool]:
        """Return what tells by a request's headers whether its trace context is continued."""
        keys, rule = self.keys(), self.trust_trace_context
        if rule is None:
            rule = "always" if self.environment == "development" else "api-key"
        if rule == "api-key":
            return lambda headers: keys.client(headers.get("x-api-key")) is not None
        return lambda _: rule == "always"

    @model_validator(mode="after")
    def _keys_where_they_are_needed(self) -> Self:
        if self.keys().required and not self.api_keys:
            raise ValueError(
                "clients need a key and API_KEYS has none: `python -m services.api.keys NAME` makes one "
                "(REQUIRE_API_KEY=false does without, where something in front knows the clients)"
            )
        return self
