"""What is put under load: the native stack, started unless it runs, or an address that was given."""

import json
import math
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
REQUESTS = 20
"""For each order, as many as a user may make: it makes seven, and sometimes the next sooner."""
LEAST_PER_SECOND = 10
BURST_SECONDS = 6


@contextmanager
def under_load(
    layout: Layout, environment: Mapping[str, str], interval: float, progress: Progress
) -> Iterator[dict[str, str]]:
    """Yield the variables that tell the load test where to go; stop a stack that was started for it.

    Args:
        layout: Where the stack runs.
        environment: What the load test is told; with `LOAD_HOST` there is nothing to start.
        interval: Seconds between two orders of one user.
        progress: Told what happens.

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
            for name, value in limits(interval).items():
                os.environ.setdefault(name, value)
        up(layout, progress)
        yield _told(environment, json.loads(layout.endpoints.read_text(encoding="utf-8")))
    finally:
        if not runs and state.load(layout):
            with uninterrupted():
                down(layout, progress)


def limits(interval: float) -> dict[str, str]:
    """Return the limits of a stack that is started for this.

    Every user has an address of its own, and so a limit: enough for what users do, and so little that one of
    them can reach it on purpose without taking what the others need.
    """
    per_second = max(LEAST_PER_SECOND, math.ceil(REQUESTS / interval))
    return {"RATE_LIMIT_PER_SECOND": str(per_second), "RATE_LIMIT_BURST": str(BURST_SECONDS * per_second)}


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
