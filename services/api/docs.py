"""The documentation: the OpenAPI document, and Swagger UI, from its CDN, which may run nothing else."""

import base64
import hashlib
import re
from typing import Any

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from services.api.problems import Problem, documented_header
from services.api.schemas import NewOrder

CDN = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/"


def docs_route(title: str, openapi_url: str) -> Route:
    """Return `/docs`, which FastAPI would serve without a content policy."""
    page = get_swagger_ui_html(
        title=title,
        openapi_url=openapi_url,
        swagger_js_url=f"{CDN}swagger-ui-bundle.js",
        swagger_css_url=f"{CDN}swagger-ui.css",
        swagger_favicon_url=f"{CDN}favicon-32x32.png",
    ).body
    headers = {"Content-Security-Policy": content_policy(bytes(page).decode())}

    async def docs(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    return Route("/docs", docs, include_in_schema=False)


def content_policy(page: str) -> str:
    """Return the policy that lets a page run its own script and Swagger UI's, which sets styles itself."""
    own = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in own]
    scripts = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {CDN} {scripts}; style-src {CDN} 'unsafe-inline'; "
        f"img-src {CDN} data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


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
