"""What telemetry is told by the environment, beside the standard `OTEL_*` variables."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class TelemetrySettings(BaseSettings):
    """Switches of this project, and the `OTEL_*` variables that the SDK does not read by itself.

    The SDK and the exporter read the rest of the standard: `OTEL_EXPORTER_OTLP_*`,
    `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_PROPAGATORS`, `OTEL_SPAN_*_LIMIT`
    (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).

    Raises:
        pydantic.ValidationError: A value is malformed.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    telemetry: Literal["on", "off"] = "on"
    """`off` turns tracing, metrics and per-request logs off, so that their cost can be measured."""
    trace_async: Literal["child", "link"] = "child"
    """Whether processing a message continues its producer's trace or starts one that links to it."""
    tracer_provider: Literal["lean", "sdk"] = "lean"
    """`lean`: the provider of this project; `sdk`: the one of opentelemetry-python."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    otel_sdk_disabled: bool = False
    otel_traces_exporter: Literal["otlp", "otlp_stock", "none"] = "otlp"
    """`otlp`: the exporter of this project; `otlp_stock`: the one of opentelemetry-python."""
    otel_logs_exporter: Literal["otlp", "none"] | None = None
    """Not set: `otlp` when there is an endpoint for logs alone, as whoever takes spans need not take logs."""
    otel_exporter_otlp_logs_endpoint: str = ""
    otel_bsp_schedule_delay: float = Field(default=1000.0, gt=0)
    """How long spans wait for a batch to fill, in ms; short, so that a trace is seen while one looks."""
    otel_bsp_max_queue_size: int = Field(default=8192, ge=1)
    otel_bsp_max_export_batch_size: int = Field(default=512, ge=1)
    otel_blrp_schedule_delay: float = Field(default=1000.0, gt=0)
    """How long log lines wait for a batch to fill, in ms."""
    otel_blrp_max_queue_size: int = Field(default=8192, ge=1)
    otel_blrp_max_export_batch_size: int = Field(default=512, ge=1)

    @property
    def lean(self) -> bool:
        """Whether spans are made by this project's provider; the stock exporter takes only the SDK's."""
        return self.tracer_provider == "lean" and self.otel_traces_exporter != "otlp_stock"

    @property
    def traces(self) -> bool:
        """Whether spans are made at all."""
        return self.telemetry == "on" and not self.otel_sdk_disabled

    @property
    def exports_logs(self) -> bool:
        """Whether log lines go anywhere beside stdout."""
        endpoint = self.otel_exporter_otlp_logs_endpoint.strip()
        wanted = self.otel_logs_exporter or ("otlp" if endpoint else "none")
        return self.traces and wanted == "otlp"
