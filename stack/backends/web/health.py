"""The liveness answer that every HTTP port of the backends gives."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


async def health(_request: Request) -> Response:
    """Answer 200: the event loop runs."""
    return JSONResponse({"status": "up"})
