"""What is put under load: the native stack, started unless it runs, or the given address."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from stack import state
from stack.dotenv import variables
from stack.errors import StackError, reason
from stack.layout import ROOT, Layout
from stack.progress import Progress
from stack.servers.services import OWN_ENDPOINTS
from stack.up import serving

TIMEOUT_SECONDS = 10.0
REQUESTS, LEAST_PER_SECOND, BURST_SECONDS = 20, 10, 6
"""Requests that a user may send for each order: it sends seven, and the next order may come sooner."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an api is, the API key that it needs, if any, and where traces are shown and sent to."""

    host: str
    api_key: str
    traces: str = ""
    otlp: str = ""
    """The native stack's; what the environment says is for others."""

    def environment(self) -> dict[str, str]:
        """Return the environment of its load test, but for options, none of which is inherited."""
        theirs = OWN_ENDPOINTS if self.otlp else ()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("LOAD_") and k not in theirs}
        return {**kept, "API_KEY": self.api_key, **({OWN_ENDPOINTS[0]: self.otlp} if self.otlp else {})}


@contextmanager
def under_load(layout: Layout, host: str, interval: float, progress: Progress) -> Iterator[Target]:
    """Yield the target of a load test; stop a stack that was started for it.

    Nothing is started when `host` is the address of another api. Each user orders every `interval` seconds.

    Raises:
        StackError: The stack does not start, or the api does not answer.
    """
    if host:
        yield Target(host, _api_key(host))
        return
    before = state.load(layout)
    # With API keys, all users are one client.
    if not (before and before.running()) and not os.environ.get("API_KEYS"):
        for name, value in limits(interval).items():
            os.environ.setdefault(name, value)
    with serving(layout, progress):
        endpoints = json.loads(layout.endpoints.read_text(encoding="utf-8"))
        api = endpoints["api"]
        yield Target(api, _api_key(api), endpoints["traces"], endpoints["otlp"])


def limits(interval: float) -> dict[str, str]:
    """Return the rate limits of a stack that is started for a load test.

    Every user has an address of its own, and so a limit: enough for what users do, and low enough that one of
    them can exceed it on purpose without taking what the others need.
    """
    per_second = max(LEAST_PER_SECOND, math.ceil(REQUESTS / interval))
    return {"RATE_LIMIT_PER_SECOND": str(per_second), "RATE_LIMIT_BURST": str(BURST_SECONDS * per_second)}


def _api_key(host: str) -> str:
    """Return the environment's API key, or Compose's where the api needs one."""
    if key := os.environ.get("API_KEY"):
        return key
    try:
        answer = httpx2.get(f"{host}/v1/orders?limit=1", timeout=TIMEOUT_SECONDS, trust_env=False)
    except httpx2.HTTPError as error:
        raise StackError(f"no answer from the api at {host}: {reason(error)}") from error
    if answer.status_code != httpx2.codes.UNAUTHORIZED:
        return ""
    if (file := ROOT / ".env").exists() and (key := variables(file.read_text("utf-8")).get("API_KEY")):
        return key
    raise StackError(f"the api at {host} needs a key: set API_KEY")
