"""The documentation: the OpenAPI document, and Swagger UI, whose files `fastapi-swagger` brings."""

import re
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from services.api.problems import Problem, documented_header
from services.api.schemas import NewOrder

PAGE = Path(__file__).parent / "swagger"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Tokens are typed on this page, so it runs and asks nothing but this service."""


def docs_routes() -> list[Route]:
    """Return `/docs` and the files that the page loads; FastAPI's own page loads them from elsewhere."""
    named = re.findall('"docs/([^"]+)"', (PAGE / "index.html").read_text())
    files = StaticFiles(directory=PAGE, packages=[("fastapi_swagger", "resources")])

    async def page(request: Request) -> Response:
        response = await files.get_response("index.html", request.scope)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    async def file(request: Request) -> Response:
        if request.path_params["file"] not in named:
            raise HTTPException(404)
        return await files.get_response(request.path_params["file"], request.scope)

    return [Route("/docs", page), Route("/docs/{file}", file)]


CORRELATION_ID = documented_header("X-Correlation-ID", "Finds all that the request set off.")


def extend(document: dict[str, Any]) -> None:
    """Add to FastAPI's OpenAPI document what FastAPI does not know."""
    schemas = document["components"]["schemas"]
    # Bodies that a route reads by itself, and problems, are referred to but not found by FastAPI.
    for model in (NewOrder, Problem):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    for path in document["paths"].values():
        for operation in path.values():
            if operation.get("security") == [{"client": []}]:
                operation["security"].append({})  # whether a key is needed is a setting
    document["paths"] |= OPERATIONAL_PATHS
    for path in document["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                response["headers"] = {**response.get("headers", {}), **CORRELATION_ID}


def _operational(summary: str, answers: dict[str, str], media: str = "application/json") -> dict[str, Any]:
    responses = {status: {"description": text, "content": {media: {}}} for status, text in answers.items()}
    return {"get": {"tags": ["operations"], "summary": summary, "responses": responses}}


READY = {"200": "It can; `degraded` names what is missing meanwhile.", "503": "It cannot."}
OPERATIONAL_PATHS = {
    "/health": _operational("Whether the process lives", {"200": "It lives."}),
    "/ready": _operational("Whether the process can serve; names each dependency", READY),
    "/metrics": _operational(
        "Metrics for Prometheus; OpenMetrics, with exemplars, for who accepts it",
        {"200": "The metrics."},
        "text/plain",
    ),
}
