"""Logs of a test's own, exported to an address."""

import io
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
import structlog
from opentelemetry.sdk.resources import Resource

from observability import TelemetrySettings
from observability.log_export import LogExport, log_export
from observability.logs import configure_logs

CONSTANT = {"service": "api", "version": "1.2.3", "environment": "test"}
WHO = Resource({"service.name": "api"})
ENDPOINT = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"


@dataclass
class Exporting:
    """Logs that are exported: what was written to stdout, and what became of it."""

    export: LogExport
    stdout: io.BytesIO
    results: "Counter[str]" = field(default_factory=Counter)

    def written(self) -> list[dict[str, Any]]:
        """Return the lines on stdout."""
        return [json.loads(line) for line in self.stdout.getvalue().splitlines()]

    def until_settled(self, count: int) -> None:
        """Wait until it is known what became of so many lines, for at most 5 s."""
        deadline = time.monotonic() + 5
        while self.results.total() < count:
            assert time.monotonic() < deadline
            time.sleep(0.001)


class Start(Protocol):
    """Configures logs to be exported to an address, in an environment."""

    def __call__(self, url: str, **variables: str) -> Exporting:
        """Return them."""


@contextmanager
def logging_restored() -> Iterator[None]:
    """Undo what configuring logs does to the process."""
    root, level, handlers = logging.getLogger(), logging.root.level, logging.root.handlers
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()


@contextmanager
def starting() -> Iterator[Start]:
    """Give what starts exports; shut them down in the end. Batches go when they are full, or at the end."""
    started: list[LogExport] = []

    def start(url: str, **variables: str) -> Exporting:
        for name, value in {ENDPOINT: url, "OTEL_BLRP_SCHEDULE_DELAY": "60000", **variables}.items():
            environment.setenv(name, value)
        results: Counter[str] = Counter()
        export = log_export(
            TelemetrySettings(),
            WHO,
            lambda count, result: results.update({result: count}),
            lambda _: lambda _: None,
        )
        assert export is not None
        started.append(export)
        stdout = io.BytesIO()
        configure_logs(CONSTANT, "INFO", stdout, export.write)
        return Exporting(export, stdout, results)

    with logging_restored(), pytest.MonkeyPatch.context() as environment:
        yield start
        for export in started:
            export.shutdown()
