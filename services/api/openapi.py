"""Prints the OpenAPI document, which needs nothing to run: `python -m services.api.openapi`."""

import json
import sys
from typing import Any

from services.api.dead_letters import dead_letters_router
from services.api.dependencies import RateLimit, operator
from services.api.http import http_api
from services.api.routes import orders_router
from services.api.scenarios import scenarios_router
from services.api.settings import Settings

VERSION: str = Settings.model_fields["service_version"].default


def document() -> dict[str, Any]:
    """Return the document of the application as it ships; none of its parts is ever called."""
    nothing: Any = None
    operators_only = [operator(nothing, "")]
    routers = [
        orders_router(nothing, RateLimit(nothing, nothing)),
        dead_letters_router(nothing, operators_only),
        scenarios_router(nothing, operators_only),
    ]
    return http_api(routers, [], version=VERSION, ids=dict).openapi()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=2) + "\n")
