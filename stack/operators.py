"""The api's operator routes, as a program calls them."""

import json
import os
from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2

from stack.dotenv import written
from stack.errors import StackError
from stack.layout import Layout

TIMEOUT_SECONDS = 40.0
"""The api itself answers within 30 s."""
DEVELOPMENT_TOKEN = "orderscope"  # noqa: S105 - public on purpose, refused in production
COMPOSE_API = "http://127.0.0.1:8000"
ERROR = 400


def add_operator_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that every operator's command has: its form of output and the api's address."""
    parser.add_argument("--json", action="store_true", help="what the api answers, as it is")
    default = f"the api's address (default: the native stack's, or {COMPOSE_API})"
    parser.add_argument("--api", metavar="URL", help=default)


@dataclass(frozen=True, slots=True)
class Operator:
    """Asks an api, as an operator."""

    api: str
    token: str

    def ask(self, method: str, *path: str, **parameters: float) -> Any:  # noqa: ANN401 - JSON
        """Return what the api answers under `/v1/`.

        Raises:
            StackError: It cannot be reached, or refuses; the message has the ids under which that is found.
        """
        address = "/".join([f"{self.api}/v1", *(quote(part, safe="") for part in path)])
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            answer = httpx2.request(
                method, address, params=parameters, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
            )
            body = answer.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise StackError(
                f"no answer from the api at {self.api}: {error!r}; does it run? `make stack-up` starts it"
            ) from error
        if answer.status_code >= ERROR:
            raise StackError(complaint(body))
        return body


def complaint(problem: Any) -> str:  # noqa: ANN401 - JSON
    """Return a problem (RFC 9457) in one line."""
    fields = problem if isinstance(problem, dict) else {}
    ids = [f"{name} {fields[name]}" for name in ("correlation_id", "trace_id") if name in fields]
    return f"{fields.get('status', '')} {fields.get('detail', problem)} ({', '.join(ids)})".strip()


def operator(layout: Layout, api: str | None) -> Operator:
    """Return an operator of the given api, the native stack's, or Compose's with the token in `.env`."""
    token = os.environ.get("OPERATOR_TOKEN")
    if api is None and layout.endpoints.exists():
        found = json.loads(layout.endpoints.read_text(encoding="utf-8"))["api"]
        return Operator(found, token or DEVELOPMENT_TOKEN)
    return Operator((api or COMPOSE_API).rstrip("/"), token or written("OPERATOR_TOKEN") or DEVELOPMENT_TOKEN)
