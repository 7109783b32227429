"""Where the parts of a running system answer: the native stack's, or Compose's."""

import json
from dataclasses import dataclass

from stack.errors import StackError
from stack.layout import Layout

COMPOSE = {
    "api": "http://127.0.0.1:8000",
    "prometheus": "http://127.0.0.1:9090",
    "traces": "http://127.0.0.1:16686",
    "mail": "http://127.0.0.1:8025",
}


@dataclass(frozen=True, slots=True)
class Places:
    """Base URLs."""

    api: str
    prometheus: str
    traces: str
    mail: str


def places(layout: Layout, *, compose: bool, api: str | None = None) -> Places:
    """Return where things are.

    Raises:
        StackError: The native stack does not run.
    """
    found = COMPOSE
    if not compose:
        try:
            found = json.loads(layout.endpoints.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StackError(f"no stack runs in {layout.run_dir}: {error}") from error
    chosen = {**found, "api": api or found["api"]}
    return Places(**{name: chosen[name].rstrip("/") for name in COMPOSE})
