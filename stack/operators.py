"""The api's operator routes, as a program calls them."""

import json
import os
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2

from stack import state
from stack.dotenv import written
from stack.errors import StackError, UsageError, reason
from stack.layout import Layout
from stack.progress import progress_on

TIMEOUT_SECONDS = 40.0
"""The api itself answers within 30 s."""
DEVELOPMENT_TOKEN = "orderscope"  # noqa: S105 - public on purpose, refused in production
COMPOSE_API = "http://127.0.0.1:8000"
ERROR = 400


def add_operator_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that every operator's command has: its form of output and the api's address."""
    parser.add_argument("--json", action="store_true", help="what the api answers, as it is")
    default = f"the api's address (default: the native stack's; without one, to read only, {COMPOSE_API})"
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
            failure = f"no answer from the api at {self.api}: {reason(error)}"
            raise StackError(f"{failure}; does it run? `make stack-up` starts it") from error
        if answer.status_code >= ERROR:
            raise StackError(complaint(body))
        return body


def complaint(problem: Any) -> str:  # noqa: ANN401 - JSON
    """Return a problem (RFC 9457) in one line."""
    fields = problem if isinstance(problem, dict) else {}
    ids = [f"{name} {fields[name]}" for name in ("correlation_id", "trace_id") if name in fields]
    return f"{fields.get('status', '')} {fields.get('detail', problem)} ({', '.join(ids)})".strip()


def operator(layout: Layout, api: str | None, *, reads: bool = False) -> Operator:
    """Return an operator of the given api, the native stack's, or Compose's with the token in `.env`.

    Nothing may be changed at an address that was only guessed: it may be another checkout's. One that `reads`
    may ask there, and says so.

    Raises:
        UsageError: No native api of this run directory runs, and no api is given.
    """
    token = os.environ.get("OPERATOR_TOKEN")
    current = None if api else state.load(layout)
    if current and any(one.name == "api" for one in current.running()):
        found = json.loads(layout.endpoints.read_text(encoding="utf-8"))["api"]
        return Operator(found, token or DEVELOPMENT_TOKEN)
    if not api:
        missing = f"no native api runs in {layout.run_dir}"
        if not reads:
            raise UsageError(f"{missing}: say by --api URL which one is meant (Compose's: {COMPOSE_API})")
        progress_on(sys.stderr).write(f"{missing}: asking {COMPOSE_API}")  # the output may be JSON
    return Operator((api or COMPOSE_API).rstrip("/"), token or written("OPERATOR_TOKEN") or DEVELOPMENT_TOKEN)
