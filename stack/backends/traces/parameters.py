"""The query parameters of Jaeger's API v3: today's names first, then the older ones as aliases."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import orjson
from starlette.datastructures import QueryParams

from stack.backends.traces.booleans import parse_bool
from stack.backends.traces.search import TraceQuery
from stack.backends.traces.times import parse_duration, parse_rfc3339

_DEFAULT_DEPTH = 100
_MAX_DEPTH = 2**32 - 1
_TRACE_ID = re.compile("[0-9a-fA-F]{1,32}")

_Value = TypeVar("_Value")


class BadQueryError(ValueError):
    """A parameter is missing or malformed; the text says which."""


def text_parameter(params: QueryParams, *names: str) -> str:
    """Return the value of the first of the names that has one, or an empty text."""
    return next((params[name] for name in names if params.get(name)), "")


def parameter(
    params: QueryParams, names: tuple[str, ...], parse: Callable[[str], _Value], default: _Value
) -> _Value:
    """Return a parsed parameter, under whichever of its names it was sent.

    Raises:
        BadQueryError: it cannot be parsed.
    """
    name = next((name for name in names if params.get(name)), None)
    if name is None:
        return default
    try:
        return parse(params[name])
    except ValueError as error:
        raise BadQueryError(f"malformed parameter {name}: {error}") from None


def check_trace_parameters(params: QueryParams) -> None:
    """Parse what a request for one trace may carry, although this store has no use for it.

    Raises:
        BadQueryError: one of them is malformed.
    """
    parameter(params, ("startTime", "start_time"), parse_rfc3339, 0)
    parameter(params, ("endTime", "end_time"), parse_rfc3339, 0)
    parameter(params, ("rawTraces", "raw_traces"), parse_bool, default=False)


def trace_query(params: QueryParams) -> TraceQuery:
    """Return the query of a search.

    Raises:
        BadQueryError: the time range is missing, or a parameter is malformed, or they contradict each other.
    """
    parameter(params, ("query.rawTraces", "query.raw_traces"), parse_bool, default=False)
    start_min = parameter(params, ("query.startTimeMin", "query.start_time_min"), parse_rfc3339, None)
    start_max = parameter(params, ("query.startTimeMax", "query.start_time_max"), parse_rfc3339, None)
    if start_min is None or start_max is None:
        raise BadQueryError("query.startTimeMin and query.startTimeMax are required")
    depth_names = ("query.searchDepth", "query.search_depth", "query.num_traces")
    query = TraceQuery(
        service=text_parameter(params, "query.serviceName", "query.service_name"),
        operation=text_parameter(params, "query.operationName", "query.operation_name"),
        attributes=parameter(params, ("query.attributes",), parse_attributes, {}),
        start_min=start_min,
        start_max=start_max,
        duration_min=parameter(params, ("query.durationMin", "query.duration_min"), parse_duration, 0),
        duration_max=parameter(params, ("query.durationMax", "query.duration_max"), parse_duration, 0),
        depth=parameter(params, depth_names, parse_depth, 0) or _DEFAULT_DEPTH,
    )
    _check(query)
    return query


def parse_attributes(text: str) -> Mapping[str, str]:
    """Return a JSON object of strings.

    Raises:
        ValueError: it is something else.
    """
    attributes = orjson.loads(text)
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        raise ValueError("not a JSON object whose values are strings")
    return attributes


def parse_depth(text: str) -> int:
    """Return an unsigned 32-bit number.

    Raises:
        ValueError: it is something else.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_MAX_DEPTH)) or int(text) > _MAX_DEPTH:
        raise ValueError(f"{text!r} is not a number from 0 to {_MAX_DEPTH}")
    return int(text)


def parse_trace_id(text: str) -> bytes:
    """Return the 16 bytes of an id of up to 32 hex digits; a shorter one is filled up on the left.

    Raises:
        BadQueryError: the text is something else.
    """
    if not _TRACE_ID.fullmatch(text):
        raise BadQueryError("malformed parameter trace_id: not 1 to 32 hex digits")
    return bytes.fromhex(text.zfill(32))


def _check(query: TraceQuery) -> None:
    if query.start_min >= query.start_max:
        raise BadQueryError("min start time must be before max start time")
    if query.duration_min < 0 or query.duration_max < 0:
        raise BadQueryError("min and max duration cannot be negative")
    if 0 < query.duration_max < query.duration_min:
        raise BadQueryError("max duration cannot be less than min duration")
