"""The settings of telemetry; what else the `OTEL_*` standard has is read where it is used.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from observability.export.batch import Limits


class TelemetrySettings(BaseSettings):
    """Switches of this project, and the `OTEL_*` variables that are read here."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

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
    otel_exporter_otlp_logs_endpoint: str = ""
    otel_bsp_schedule_delay: PositiveFloat = 1000.0
    """How long spans wait for a batch to fill, in ms; short, so that a trace is seen while one looks."""
    otel_bsp_max_queue_size: PositiveInt = 8192
    otel_bsp_max_export_batch_size: PositiveInt = 512
    otel_blrp_schedule_delay: PositiveFloat = 1000.0
    otel_blrp_max_queue_size: PositiveInt = 8192
    otel_blrp_max_export_batch_size: PositiveInt = 512

    @property
    def span_batches(self) -> Limits:
        """Return the bounds of batches of spans."""
        size, most = self.otel_bsp_max_queue_size, self.otel_bsp_max_export_batch_size
        return Limits(self.otel_bsp_schedule_delay, size, most)

    @property
    def log_batches(self) -> Limits:
        """Return the bounds of batches of log records."""
        size, most = self.otel_blrp_max_queue_size, self.otel_blrp_max_export_batch_size
        return Limits(self.otel_blrp_schedule_delay, size, most)

    @property
    def traces(self) -> bool:
        """Return whether spans are made."""
        return self.telemetry != "off" and not self.otel_sdk_disabled

    @property
    def exports_logs(self) -> bool:
        """Return whether log lines go anywhere beside stdout."""
        endpoint = self.otel_exporter_otlp_logs_endpoint.strip()
        return self.traces and (self.otel_logs_exporter or ("otlp" if endpoint else "none")) == "otlp"
