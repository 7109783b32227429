"""The settings of telemetry: this project's switches, and the `OTEL_*` variables that are read here.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/, …/otel/protocol/exporter/
"""

from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, FilePath, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable():
        raise ValueError("expected a URL like http://host:4318")
    if parts.username is not None or parts.query:
        raise ValueError("expected a URL without credentials (HEADERS is for them) and without a query")
    return text


def _headers(text: str) -> dict[str, str]:
    entries = [entry.partition("=") for entry in text.split(",") if entry]
    headers = {name.strip().lower(): unquote(value.strip()) for name, _, value in entries}
    safe = all(name and f"{name}{value}".isascii() and value.isprintable() for name, value in headers.items())
    if not (safe and all(equals for _, equals, _ in entries)):
        raise ValueError("expected name=value,name=value, with each value percent-encoded")
    return headers


class OtlpSettings(BaseModel):
    """Where and how a signal is exported."""

    endpoint: Annotated[str, AfterValidator(_url)] = "http://localhost:4318"
    headers: Annotated[dict[str, str], NoDecode, BeforeValidator(_headers)] = Field(default={}, repr=False)
    timeout: float = Field(default=10, gt=0, le=600)
    """Seconds for one attempt, as opentelemetry-python reads it; more were meant as milliseconds."""
    compression: Literal["none", "gzip"] = "none"
    certificate: FilePath | None = None
    client_certificate: FilePath | None = None
    client_key: FilePath | None = None
    protocol: Literal["http/json", "http/protobuf"] = "http/json"
    """Who receives one takes the other; what is sent is JSON."""


class Batching(BaseModel):
    """How long items wait for a batch to fill, how many may wait, and how many go together."""

    schedule_delay: PositiveFloat = 1000.0
    """In ms; short, so that a trace is seen while one looks."""
    max_queue_size: PositiveInt = 8192
    max_export_batch_size: PositiveInt = 512


class TelemetrySettings(BaseSettings):
    """What the environment says of telemetry; an error names the variable and does not repeat its value."""

    # Of OTEL_BSP_SCHEDULE_DELAY, what follows the name of a field that is a model belongs to the model.
    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        hide_input_in_errors=True,
    )

    telemetry: Literal["lean", "stock", "off", "on"] = "lean"
    """`lean`: a small tracer provider and exporter; `stock`: opentelemetry-python's; `off`: no tracing, no
    metrics, no per-request log lines; `on`: the old name of `lean`."""
    trace_async: Literal["child", "link"] = "child"
    """Whether processing a message continues its producer's trace or starts one that links to it."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    otel_sdk_disabled: bool = False
    otel_traces_exporter: Literal["otlp", "none"] = "otlp"
    otel_logs_exporter: Literal["otlp", "none"] | None = None
    """Not set: `otlp` when there is an endpoint for logs alone, as whoever takes spans need not take logs."""
    otel_bsp: Batching = Batching()
    otel_blrp: Batching = Batching()
    otel_exporter_otlp: OtlpSettings = OtlpSettings()
    otel_exporter_otlp_traces: OtlpSettings = OtlpSettings()
    otel_exporter_otlp_logs: OtlpSettings = OtlpSettings()

    @property
    def exports_logs(self) -> bool:
        """Return whether log lines go anywhere beside stdout."""
        by_endpoint = "otlp" if "endpoint" in self.otel_exporter_otlp_logs.model_fields_set else "none"
        return not self.otel_sdk_disabled and (self.otel_logs_exporter or by_endpoint) == "otlp"

    def otlp(self, signal: Literal["traces", "logs"]) -> OtlpSettings:
        """Return how a signal is exported: each variable of its own wins over the one for all signals."""
        own = self.otel_exporter_otlp_traces if signal == "traces" else self.otel_exporter_otlp_logs
        path = {"endpoint": f"{self.otel_exporter_otlp.endpoint.rstrip('/')}/v1/{signal}"}
        return self.otel_exporter_otlp.model_copy(update=path | own.model_dump(exclude_unset=True))
