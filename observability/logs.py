"""Logs: one JSON object a line on stdout, from our code and from every library alike, written at once."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO

import orjson
import structlog
from structlog.typing import EventDict

from observability.propagation import current_ids
from observability.redaction import redact, redact_text

log = structlog.get_logger(__name__)

QUIET = {
    **dict.fromkeys(("aio_pika", "aiormq", "asyncio"), logging.WARNING),
    # Whoever keeps a connection logs that it failed, with what is done about it.
    **dict.fromkeys(("aiormq.connection", "urllib3"), logging.CRITICAL),
    # These warn of malformed headers, some by repeating them: anybody could have them write, and what.
    **dict.fromkeys(("opentelemetry.baggage.propagation", "opentelemetry.trace", "_granian"), logging.ERROR),
}
"""The lowest level at which these libraries write."""
# Objects of our own are shown as text, in which nothing personal is left.
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_NON_STR_KEYS
render_exception = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
Export = Callable[[bytes], None]


def configure_logs(
    constant: Mapping[str, str], level: str, stream: BinaryIO | None = None, export: Export | None = None
) -> None:
    """Send structlog and stdlib logging the same way, to stdout or a stream.

    `constant` are fields of every line; `export` is given each line, too, and must neither wait nor raise.
    """
    structlog.configure(
        processors=[line_renderer(constant, export)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.BytesLoggerFactory(stream or sys.stdout.buffer),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Handler()]
    root.setLevel(level)
    logging.captureWarnings(capture=True)  # as "py.warnings"; else Python writes them beside our lines
    for name in list(logging.root.manager.loggerDict):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    for name, lowest in QUIET.items():
        logging.getLogger(name).setLevel(max(lowest, root.level))


def log_uncaught(kind: type[BaseException], error: BaseException, trace_back: TracebackType | None) -> None:
    """Log what ends the process, in place of `sys.excepthook`, which prints it in its own way."""
    if isinstance(error, Exception):
        log.critical("process failed", exc_info=(kind, error, trace_back))
    else:
        sys.__excepthook__(kind, error, trace_back)


def line_renderer(constant: Mapping[str, str], export: Export | None) -> Callable[..., bytes]:
    """Return structlog's processor, which makes a line of an event: one pass costs less than several.

    What cannot be rendered is named, and fails nobody.
    """

    def render(_: object, level: str, event: EventDict) -> bytes:
        start = {"timestamp": datetime.now(UTC), "level": level}
        try:
            if "exc_info" in event:
                event = render_exception(None, level, event)
            ids = {} if "trace_id" in event else current_ids()  # an event about something else brings its own
            # What every line carries comes again at the end: no event overrides it.
            line = _json({**start, "event": "", **ids, **redact(event), **start, **constant})
        except Exception as error:  # noqa: BLE001 - whatever was in the fields
            about = {"line": str(event["event"]), "error": type(error).__qualname__}
            log.error("log line not rendered", **about)  # noqa: TRY400 - the stack would say nothing more
            raise structlog.DropEvent from None
        if export is not None:
            export(bytes(memoryview(line)))  # what orjson returns holds 8 KiB for as long as it lives
        return line

    return render


class _Handler(logging.Handler):
    """Has structlog write a library's log record."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
            fields = {"exc_info": record.exc_info} if record.exc_info else {}
            structlog.get_logger().log(level, record.getMessage(), logger=record.name, **fields)
        except Exception:  # noqa: BLE001 - what logging itself prescribes for a handler
            self.handleError(record)


def _json(line: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, default=_text, option=OPTIONS)
    except orjson.JSONEncodeError:  # a lone surrogate or a huge integer is no reason to fail whoever logs
        return json.dumps(line, default=_text, skipkeys=True).encode()


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else redact_text(repr(value))
