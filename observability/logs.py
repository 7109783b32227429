"""Logs: one JSON object a line on stdout, from our code and from every library alike."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import BinaryIO

import orjson
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from observability.correlation import correlation_id
from observability.redaction import redact, redact_text

_FIRST = ("timestamp", "level", "service", "event", "correlation_id", "trace_id", "span_id")
"""What a reader looks for stands first."""
_NOISY = ("aio_pika", "aiormq", "asyncio", "uvicorn.access")


def configure_logs(
    constant: Mapping[str, str],
    level: str,
    stream: BinaryIO | None = None,
    export: Callable[[bytes], None] | None = None,
) -> None:
    """Send structlog and stdlib logging through the same processors.

    Args:
        constant: Fields that every line carries: service, version, environment.
        level: The lowest level that is written, of `logging`'s names.
        stream: Where to write instead of stdout.
        export: Is given each line, too, as it is written; must neither wait nor raise.
    """
    out = stream or sys.stdout.buffer
    chain = [_line(constant), *([_handed_to(export)] if export else [])]
    structlog.configure(
        processors=[*chain],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.BytesLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Handler(chain, out.write, out.flush)]
    root.setLevel(level)
    logging.captureWarnings(capture=True)  # as "py.warnings"; else Python writes them beside our lines
    for name in list(logging.root.manager.loggerDict):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # A connection that fails is told by who keeps it, with what is done about it.
    logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)
    # These warn of malformed headers by repeating them, whatever a stranger put there.
    for name in ("opentelemetry.baggage.propagation", "opentelemetry.trace.span"):
        logging.getLogger(name).setLevel(logging.ERROR)


class _Handler(logging.Handler):
    """Writes a library's log record as a line of ours."""

    def __init__(
        self, chain: list[Processor], write: Callable[[bytes], object], flush: Callable[[], None]
    ) -> None:
        super().__init__()
        self._chain = chain
        self._write = write
        self._flush_stream = flush

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event: EventDict = {
                "event": record.getMessage(),
                "logger": record.name,
            }
            if record.exc_info:
                event["exc_info"] = record.exc_info
            line: object = event
            for process in self._chain:
                line = process(None, record.levelname.lower(), line)  # type: ignore[arg-type]
            self._write(line + b"\n" if isinstance(line, bytes) else b"")
            self._flush_stream()
        except Exception:  # noqa: BLE001 - what logging itself prescribes for a handler
            self.handleError(record)


def _line(constant: Mapping[str, str]) -> Processor:
    """Return the only processor: from the event to the line in one pass, where several would copy."""
    head = {name: value for name, value in constant.items() if name in _FIRST}

    def render(_: WrappedLogger, level: str, event: EventDict) -> bytes:
        if "exc_info" in event:
            event = _RENDER_EXCEPTION(None, level, event)
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        name = _LEVELS.get(level, level)
        line = {"timestamp": at, "level": name, **head, **_at_hand(event)}
        line |= redact(None, level, event)
        line |= {"timestamp": at, "level": name, **constant}  # no event may pretend to be another's
        try:
            return orjson.dumps(line, default=_text, option=orjson.OPT_NON_STR_KEYS)
        except orjson.JSONEncodeError:  # lone surrogates, huge integers: no reason to fail whoever logs
            return json.dumps(line, default=_text, skipkeys=True).encode()

    return render


def _at_hand(event: EventDict) -> dict[str, object]:
    """Return the event's name and the ids of the work at hand, each unless the event has its own."""
    ids: dict[str, object] = {"event": event.get("event")}
    identifier = correlation_id()
    if identifier is not None:
        ids["correlation_id"] = identifier
    span = trace.get_current_span().get_span_context()
    if span.is_valid and "trace_id" not in event:
        ids["trace_id"] = f"{span.trace_id:032x}"
        ids["span_id"] = f"{span.span_id:016x}"
    return ids


def _handed_to(export: Callable[[bytes], None]) -> Processor:
    def hand_over(_: WrappedLogger, __: str, line: EventDict) -> bytes:
        rendered: bytes = line  # type: ignore[assignment]  # what the processor before this one made of it
        export(rendered)
        return rendered

    return hand_over


def _text(value: object) -> str:
    return redact_text(repr(value))


_RENDER_EXCEPTION = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
_LEVELS = {"exception": "error", "warn": "warning"}
"""Levels of methods that are called otherwise."""
