"""Log lines over OTLP, beside stdout: the lines as they are written, in batches, in a thread of their own."""

import os
from collections.abc import Callable

from opentelemetry.sdk.resources import Resource

from observability.batch import Batches, Limits
from observability.otlp import OtlpExporter, log_records, options, otlp_settings
from observability.settings import TelemetrySettings


class LogExport:
    """Takes lines, and never waits."""

    def __init__(self, batches: Batches[bytes]) -> None:
        """Keep where they go."""
        self._batches = batches

    def write(self, line: bytes) -> None:
        """Have a line exported, unless it is about exporting lines: that would never end."""
        if not self._batches.is_exporter():
            self._batches.put(line)

    def shutdown(self) -> None:
        """Export the rest, for at most 5 s."""
        self._batches.shutdown()


def log_export(
    settings: TelemetrySettings,
    who: Resource,
    on_result: Callable[[int, str], None],
    timer: Callable[[str], Callable[[float], None]],
) -> LogExport | None:
    """Return what exports log lines to where the environment says; `None` when they are not to be exported.

    Args:
        settings: What the environment asked for.
        who: The resource of all lines.
        on_result: Hears what became of how many lines.
        timer: Makes what hears how long each export took, in seconds.

    Raises:
        ValueError: A variable of the standard has no valid value.
    """
    if not settings.exports_logs:
        return None
    to = otlp_settings(os.environ, "logs")
    exporter = OtlpExporter(log_records(who), to.endpoint, **options(to, on_result))
    limits = Limits(
        delay_seconds=settings.otel_blrp_schedule_delay / 1000,
        queue_size=settings.otel_blrp_max_queue_size,
        batch_size=settings.otel_blrp_max_export_batch_size,
    )
    batches = Batches(
        "log",
        exporter,
        limits,
        on_drop=lambda count: on_result(count, "queue_full"),
        on_export=timer("log"),
    )
    return LogExport(batches)
