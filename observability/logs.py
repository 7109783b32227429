"""Logs: one JSON object a line on stdout, from our code and from every library alike."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from time import time
from types import TracebackType
from typing import BinaryIO

import orjson
import structlog
from structlog.typing import BindableLogger, EventDict

from observability.at_hand import span_context
from observability.correlation import correlation_id
from observability.lines import Entry, Lines
from observability.redaction import redact, redact_text

log = structlog.get_logger(__name__)

_FIRST = ("timestamp", "level", "service", "event", "correlation_id", "trace_id", "span_id")
"""What a reader looks for stands first."""
# Objects of our own are shown as text, in which nothing personal is left.
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS
_STRANGERS = (
    "opentelemetry.baggage.propagation",
    "opentelemetry.trace.propagation.tracecontext",
    "opentelemetry.trace.span",
)
"""These warn of malformed headers, some by repeating them: anybody could have them write, and what."""
_NOISY = ("aio_pika", "aiormq", "asyncio", "uvicorn.access")


def configure_logs(
    constant: Mapping[str, str],
    level: str,
    stream: BinaryIO | None = None,
    export: Callable[[bytes], None] | None = None,
    delay_seconds: float = 0.0,
) -> Lines:
    """Send structlog and stdlib logging the same way, and return what writes the lines.

    Args:
        constant: Fields that every line carries: service, version, environment.
        level: The lowest level that is written, of `logging`'s names.
        stream: Where to write instead of stdout.
        export: Is given each line, too, as it is written; must neither wait nor raise.
        delay_seconds: How long lines below WARNING may wait for others, see `observability.lines`.
    """
    out = stream or sys.stdout.buffer

    def write(lines: bytes) -> None:
        out.write(lines)
        out.flush()

    lines = Lines(_line(constant, export), write, delay_seconds=delay_seconds)
    structlog.configure(
        processors=[],
        wrapper_class=_noting(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Handler(lines)]
    root.setLevel(level)
    logging.captureWarnings(capture=True)  # as "py.warnings"; else Python writes them beside our lines
    for name in list(logging.root.manager.loggerDict):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # A connection that fails is told by who keeps it, with what is done about it.
    logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)
    for name in _STRANGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    return lines


def uncaught(kind: type[BaseException], error: BaseException, trace_back: TracebackType | None) -> None:
    """Say as a line what ends the process, in place of `sys.excepthook`, which prints it in its own way."""
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace_back)
        return
    log.critical("process failed", exc_info=(kind, error, trace_back))


class _Handler(logging.Handler):
    """Writes a library's log record as a line of ours."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event: EventDict = {
                "event": record.getMessage(),
                "logger": record.name,
            }
            if record.exc_info:
                event["exc_info"] = record.exc_info
            self._lines.take(_entry(record.levelname.lower(), event))
        except Exception:  # noqa: BLE001 - what logging itself prescribes for a handler
            self.handleError(record)


def _noting(lowest: int) -> type[BindableLogger]:
    """Return structlog's logger for this level and above, without a chain of processors: it takes notes only.

    https://www.structlog.org/en/stable/custom-wrappers.html
    """

    class Noting(structlog.make_filtering_bound_logger(lowest)):  # type: ignore[misc]  # made when it is called
        def _proxy_to_logger(self, method_name: str, event: str | None = None, **fields: object) -> None:
            fields["event"] = event
            noted = {**self._context, **fields} if self._context else fields
            self._logger.take(_entry(method_name, noted))

        # What nearly all lines are: structlog's own way to `_proxy_to_logger` takes as long as noting one.
        def info(self, event: str, *args: object, **fields: object) -> None:
            if args or lowest > logging.INFO or self._context:
                super().info(event, *args, **fields)
            else:
                fields["event"] = event
                self._logger.take(_entry("info", fields))

    return Noting


def _entry(level: str, event: EventDict) -> Entry:
    return Entry(level, event, time(), correlation_id(), span_context())


def _line(constant: Mapping[str, str], export: Callable[[bytes], None] | None) -> Callable[[Entry], bytes]:
    """Return what makes a line of an entry, in one pass where several processors would copy."""
    head = {name: value for name, value in constant.items() if name in _FIRST}
    rest = {name: value for name, value in constant.items() if name not in _FIRST}
    ours = {"timestamp", "level", *constant}  # no event may say something else in their place

    def whole(entry: Entry) -> bytes:
        level, event = entry.level, entry.event
        if "exc_info" in event:
            event = _RENDER_EXCEPTION(None, level, event)
        if not ours.isdisjoint(event):
            event = {name: value for name, value in event.items() if name not in ours}
        at = datetime.fromtimestamp(entry.at, UTC)
        return _json({"timestamp": at, "level": level, **head, **_at_hand(entry), **redact(event), **rest})

    def render(entry: Entry) -> bytes:
        try:
            text = whole(entry)
        except Exception as error:  # noqa: BLE001 - a value that cannot be shown costs its line, and no other
            _tell_unrendered(entry, error)
            return b""
        if export is not None:
            export(text)
        return text + b"\n"

    return render


def _tell_unrendered(entry: Entry, error: Exception) -> None:
    ids = _at_hand(entry)
    event = ids.pop("event")
    name = event if isinstance(event, str) else type(event).__qualname__
    log.error("log line not rendered", line=name, error=type(error).__qualname__, **ids)


def _json(line: Mapping[str, object]) -> bytes:
    # First as nearly all can be written; what has keys that are no text costs more, and the rest even more.
    for option in (_OPTIONS, _OPTIONS | orjson.OPT_NON_STR_KEYS):
        with suppress(orjson.JSONEncodeError):
            return orjson.dumps(line, default=_text, option=option)
    # Lone surrogates, huge integers: no reason to fail whoever logs.
    return json.dumps(line, default=_text, skipkeys=True).encode()


def _at_hand(entry: Entry) -> dict[str, object]:
    """Return the event's name and the ids of the work at hand, each unless the event has its own."""
    ids: dict[str, object] = {"event": entry.event.get("event")}
    if entry.correlation_id is not None:
        ids["correlation_id"] = entry.correlation_id
    trace_id, span_id, *_, is_valid = entry.span
    if is_valid and "trace_id" not in entry.event:
        ids["trace_id"], ids["span_id"] = f"{trace_id:032x}", f"{span_id:016x}"
    return ids


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return redact_text(repr(value))


_RENDER_EXCEPTION = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
