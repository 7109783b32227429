"""OTLP/HTTP's answers to a failed export: a google.rpc.Status in the request's own encoding.

https://opentelemetry.io/docs/specs/otlp/#failures
"""

import orjson
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # googleapis ships no py.typed
from starlette.responses import Response

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

# google.rpc.Code for each HTTP status that is answered.
_CODES = {400: 3, 408: 4, 413: 8, 415: 3, 503: 14}
_RETRY_AFTER_SECONDS = "1"


class RejectedError(Exception):
    """An export request that is refused as a whole."""

    def __init__(self, status: int, message: str) -> None:
        """Take the HTTP status and what to tell the sender."""
        super().__init__(message)
        self.status = status


def failure(error: RejectedError, media_type: str) -> Response:
    """Return the response; an encoding that is not OTLP's is answered in JSON."""
    code, message = _CODES[error.status], str(error)
    headers = {"Retry-After": _RETRY_AFTER_SECONDS} if error.status == 503 else {}  # noqa: PLR2004
    if media_type == PROTOBUF:
        body = Status(code=code, message=message).SerializeToString()
        return Response(body, error.status, headers, PROTOBUF)
    return Response(orjson.dumps({"code": code, "message": message}), error.status, headers, JSON)
