"""The start of a service, which says in a sentence what setting keeps it from starting."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from pydantic import ValidationError

log = structlog.get_logger(__name__)


@contextmanager
def exit_on_bad_settings(service: str) -> Iterator[None]:
    """End the process with status 2 when the block finds that a setting is wrong.

    A line of JSON on stdout and a sentence on stderr name the variable. The block has to import OpenTelemetry
    as well, which reads some of its variables then; its limits of spans it would read later. It should end
    with the settings' `startable`.
    """
    try:
        yield
        from opentelemetry.sdk.trace import SpanLimits  # noqa: PLC0415 - see above

        SpanLimits()
    except ValueError as error:
        problem = _problem(error)
        if not problem:
            raise
        time, level = structlog.processors.TimeStamper("iso"), structlog.processors.add_log_level
        structlog.configure([time, level, structlog.processors.JSONRenderer()])
        version, environment = (os.environ.get(name, "") for name in ("SERVICE_VERSION", "ENVIRONMENT"))
        constant = {"service": service, "version": version, "environment": environment or "development"}
        log.critical("settings refused", error=problem, **constant)
        sys.stderr.write(f"{service} cannot start: {problem}.\n")
        sys.exit(2)


def _problem(error: ValueError) -> str:
    """Return which variables are wrong and why, or nothing when the error is about something else."""
    text = str(error)
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_input=False, include_context=False)
        told = [_variable(one["loc"]) + one["msg"].removeprefix("Value error, ").rstrip(".") for one in found]
        return "; ".join(told).replace("tuple", "list")
    if json := re.search(r'value for field "(\w+)"', text):  # of pydantic-settings
        return f"{json[1].upper()}: should be JSON"
    named = f"OTEL_PROPAGATORS: {text}" if text.startswith("Propagator ") else text  # of OpenTelemetry
    return named.rstrip(".") if re.match("(OTEL|HTTP)_[A-Z_]+", named) else ""


def _variable(location: tuple[str | int, ...]) -> str:
    """Return the variable's name: that of a field inside the setting if it is set, or else the setting's."""
    whole, first = ("_".join(map(str, part)).upper() for part in (location[:2], location[:1]))
    return f"{whole if whole in map(str.upper, os.environ) else first}: " if location else ""
