"""Settings of the worker."""

from typing import Annotated

from pydantic import Field

from services.common.settings import ServiceSettings

STOCK = {
    "espresso-beans": 1_000_000,
    "filter-papers": 1_000_000,
    "moka-pot": 1_000_000,
    "milk-frother": 1_000_000,
    "grinder": 1_000_000,
    "lever-machine": 3,
}


class Settings(ServiceSettings):
    """The worker's settings, beside those of every service."""

    http_port: int = Field(default=8001, ge=1, le=65535)
    prefetch: int = Field(default=50, ge=1, le=1000)
    """Orders that are processed at the same time."""
    stock: dict[str, Annotated[int, Field(ge=0, le=1_000_000_000)]] = STOCK
    """Units of each product on the first start, as a JSON object; later starts leave the stock alone."""
    sweep_seconds: float = Field(default=15.0, ge=0.1, le=3600)
    """How often to look for orders that have been open for longer than `stuck_after_seconds`."""
    payment_latency_ms: float = Field(default=60.0, ge=0, le=60_000)
    """Median of the simulated provider's log-normal latency; its p99 is about five times that."""
    payment_decline_rate: float = Field(default=0.02, ge=0, le=1)
    """Share of orders that the simulated provider declines."""
    payment_outage_rate: float = Field(default=0.01, ge=0, le=1)
    """Share of orders for which the simulated provider is unavailable once."""
