"""What is put under load: the native stack, started unless it runs, or an address that was given."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx2

from stack import state
from stack.dotenv import variables
from stack.down import down
from stack.errors import StackError
from stack.layout import ROOT, Layout
from stack.locking import uninterrupted
from stack.progress import Progress
from stack.up import up

TIMEOUT_SECONDS = 10.0
LIMITS = {"RATE_LIMIT_PER_SECOND": "20", "RATE_LIMIT_BURST": "100"}
"""For each client, where the stack is started for this: every user has an address of its own, and one of
them is to reach the limit without taking what the others need."""


@contextmanager
def under_load(
    layout: Layout, environment: Mapping[str, str], progress: Progress
) -> Iterator[dict[str, str]]:
    """Yield the variables that tell the load test where to go; stop a stack that was started for it.

    Raises:
        StackError: The stack does not start, or the api does not answer.
    """
    if environment.get("LOAD_HOST"):
        yield _told(environment, {})
        return
    before = state.load(layout)
    runs = bool(before and before.running())
    try:
        # With API keys, all users are one client.
        if not runs and not environment.get("API_KEYS"):
            for name, value in LIMITS.items():
                os.environ.setdefault(name, value)
        up(layout, progress)
        yield _told(environment, json.loads(layout.endpoints.read_text(encoding="utf-8")))
    finally:
        if not runs and state.load(layout):
            with uninterrupted():
                down(layout, progress)


def _told(environment: Mapping[str, str], endpoints: Mapping[str, str]) -> dict[str, str]:
    host = environment.get("LOAD_HOST") or endpoints["api"]
    traces = environment.get("LOAD_TRACES") or endpoints.get("traces", "")
    return {"LOAD_HOST": host, "LOAD_TRACES": traces, "API_KEY": _key(host, environment)}


def _key(host: str, environment: Mapping[str, str]) -> str:
    """Return the key to send: the one that was given, or Compose's where one is needed."""
    if given := environment.get("API_KEY"):
        return given
    try:
        answer = httpx2.get(f"{host}/v1/orders?limit=1", timeout=TIMEOUT_SECONDS, trust_env=False)
    except httpx2.HTTPError as error:
        raise StackError(f"no answer from the api at {host}: {error!r}") from error
    file = ROOT / ".env"
    if answer.status_code != httpx2.codes.UNAUTHORIZED:
        return ""
    key = variables(file.read_text(encoding="utf-8")).get("API_KEY") if file.exists() else None
    if not key:
        raise StackError(f"the api at {host} needs a key: set API_KEY")
    return key
