"""Settings of the api."""

from pydantic import Field

from services.kit.settings import DEVELOPMENT_SECRET, ServiceSettings


class Settings(ServiceSettings):
    """What the api is told by its environment, beside what every service is told."""

    http_port: int = Field(default=8000, ge=1, le=65535)
    operator_token: str = DEVELOPMENT_SECRET
    """For the operators' routes, as a bearer token; production refuses its default."""
    dead_letter_queues: tuple[str, ...] = ("worker.order-created.dlq", "notifier.order-outcome.dlq")
    """Where the services set messages aside, as a JSON list."""
    rate_limit_per_second: float = Field(default=1000.0, gt=0, allow_inf_nan=False)
    """Requests a second that one client may make for long."""
    rate_limit_burst: int = Field(default=2000, ge=1)
    """Requests that one client may make at once."""
    idempotency_ttl_seconds: int = Field(default=24 * 3600, ge=60)
    """How long an `Idempotency-Key` is remembered."""
    cache_entries: int = Field(default=10_000, ge=1)
    """Settled orders kept in memory."""
    cache_ttl_seconds: float = Field(default=60.0, gt=0)
    max_event_streams: int = Field(default=500, ge=1)
    """Clients of one process that may follow an order at the same time."""

    def secrets(self) -> dict[str, str]:
        """Return every secret in use by the name of its variable."""
        return {**super().secrets(), "OPERATOR_TOKEN": self.operator_token}
