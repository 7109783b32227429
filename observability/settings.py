"""The settings of telemetry: this project's switches, and the `OTEL_*` variables that are read here.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/, …/otel/protocol/exporter/
"""

from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, Field, FilePath
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Signal = Literal["traces", "logs"]
Sampler = Annotated[str, Field(pattern="(?i)^(parentbased_)?(always_on|always_off|traceidratio)$")]
Name = Annotated[str, Field(pattern=r"^[!-9;-~]+$")]
Value = Annotated[str, Field(pattern=r"^[ -~]*$")]


def _headers(text: str) -> dict[str, str]:
    """Return headers that are given as `name=value,name=value`, with each value percent-encoded."""
    pairs = (entry.split("=", 1) for entry in text.split(",") if entry)
    if not all("=" in entry for entry in text.split(",") if entry):
        raise ValueError("should be NAME=VALUE, several of them separated by commas")
    return {name.strip().lower(): unquote(value.strip()) for name, value in pairs}


class OtlpSettings(BaseModel):
    """Where and how a signal is exported."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$")] = "http://localhost:4318"
    """Without credentials, which belong into HEADERS, and without a query."""
    headers: Annotated[dict[Name, Value], NoDecode, BeforeValidator(_headers)] = Field(default={}, repr=False)
    timeout: float = Field(default=10, gt=0, le=600)
    """Seconds for one attempt, as opentelemetry-python reads it; more were meant as milliseconds."""
    compression: Literal["none", "gzip"] = "none"
    certificate: FilePath | None = None
    client_certificate: FilePath | None = None
    client_key: FilePath | None = None
    protocol: Literal["http/json", "http/protobuf"] = "http/json"  # who takes one takes both; JSON is sent


class Batching(BaseModel):
    """How long items wait for a batch to fill, how many may wait, and how many go together."""

    schedule_delay: float = Field(default=1000.0, gt=0, le=600_000)  # ms; a trace is seen while one looks
    max_queue_size: int = Field(default=8192, gt=0, le=10_000_000)
    max_export_batch_size: int = Field(default=512, gt=0, le=10_000_000)


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
    otel_traces_sampler: Sampler | None = None
    """Read by opentelemetry-python, as its argument is: it would warn of mistakes, and keep every trace."""
    otel_traces_sampler_arg: float | None = Field(default=None, ge=0, le=1)
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

    def otlp(self, signal: Signal) -> OtlpSettings:
        """Return how a signal is exported: each variable of its own wins over the one for all signals."""
        own = self.otel_exporter_otlp_traces if signal == "traces" else self.otel_exporter_otlp_logs
        path = {"endpoint": f"{self.otel_exporter_otlp.endpoint.rstrip('/')}/v1/{signal}"}
        return self.otel_exporter_otlp.model_copy(update=path | own.model_dump(exclude_unset=True))
