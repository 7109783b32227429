"""The documentation: Swagger UI, from its CDN, allowed to run that and nothing else."""

import base64
import hashlib
import re

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

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
    scripts = " ".join(
        f"'sha256-{_hash(script)}'" for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    )
    return (
        f"default-src 'none'; script-src {CDN} {scripts}; style-src {CDN} 'unsafe-inline'; "
        f"img-src {CDN} data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
