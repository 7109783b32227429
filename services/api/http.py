"""The FastAPI application: routes, errors, OpenAPI; everything that it needs is passed to it."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from services.api.docs import docs_route
from services.api.errors import handle_errors
from services.api.overload import ConcurrencyLimit
from services.api.problems import Ids, Problem, documented_header
from services.api.schemas import NewOrder

MAX_REQUESTS = 2000
"""That are served at the same time; event streams, which have a bound of their own, included."""
DESCRIPTION = """
Place orders, read them, and follow them until they are settled.

Every answer carries `X-Correlation-ID`: yours, when you sent a well-formed one. Every error is
`application/problem+json` with the correlation id and the trace id.
"""


def http_api(
    routers: Sequence[APIRouter],
    operational: Sequence[BaseRoute],
    *,
    version: str,
    ids: Ids,
) -> FastAPI:
    """Return the application with its probes and metrics."""
    app = FastAPI(
        title="Orderscope",
        version=version,
        description=DESCRIPTION,
        # The entry span is ours; two would be one too many.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        docs_url=None,
        redoc_url=None,
        # The address to be redirected to would be made of whatever Host the client sent.
        redirect_slashes=False,
    )
    # As they are: an included router is asked anew, at each request, what its routes inherit from the others.
    for router in routers:
        app.router.routes.extend(router.routes)
    app.router.routes.extend([*operational, docs_route(app.title, "/openapi.json")])
    app.add_middleware(ConcurrencyLimit, routes=app.router.routes, ids=ids, limit=MAX_REQUESTS)
    handle_errors(app, ids)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
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
        for response in _responses(document):
            response["headers"] = {**response.get("headers", {}), **CORRELATION_ID}
        app.openapi_schema = document
    return app.openapi_schema


def _responses(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for operation in path.values():
            yield from operation["responses"].values()


CORRELATION_ID = documented_header("X-Correlation-ID", "Finds all that the request set off.")


def _operational(summary: str, *responses: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "get": {
            "tags": ["operations"],
            "summary": summary,
            "responses": {
                status: {"description": text, "content": {media: {}}} for status, text, media in responses
            },
        }
    }


_JSON = "application/json"
OPERATIONAL_PATHS = {
    "/health": _operational("Whether the process lives", ("200", "It lives.", _JSON)),
    "/ready": _operational(
        "Whether the process can serve; names each dependency",
        ("200", "It can; `degraded` names what is missing meanwhile.", _JSON),
        ("503", "It cannot.", _JSON),
    ),
    "/metrics": _operational(
        "Metrics for Prometheus; OpenMetrics, with exemplars, for who accepts it",
        ("200", "The metrics.", "text/plain"),
    ),
}
