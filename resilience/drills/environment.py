"""What drills work with: where the running system answers, and how long to wait for what."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

from stack.endpoints import endpoints
from stack.errors import StackError, reason
from stack.layout import Layout
from stack.operators import Operator
from stack.ports import Ports
from stack.progress import Progress

T = TypeVar("T")
POLL_SECONDS = 0.5
SHOW_SECONDS = 60.0
"""How long panel and trace may take to show the fault after its alert has arrived."""
ASKED = ("api", "prometheus", "traces", "mail")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the steps of a drill may take, in seconds, which depends on the windows of the alerts."""

    firing: float
    resolved: float
    silent: float
    """For an earlier alert to end."""
    replayed: float
    """For dead letters to be replayed."""
    fault: float
    """After this time the scenario ends by itself, should the drill be killed."""


QUICK = Pace(firing=120, resolved=180, silent=150, replayed=60, fault=300)
AS_WRITTEN = Pace(firing=1800, resolved=4000, silent=4000, replayed=600, fault=2000)


@dataclass(frozen=True, slots=True)
class Environment:
    """A running system, as a drill sees it."""

    client: httpx2.AsyncClient
    urls: dict[str, str]
    """Base URLs of `api`, `prometheus`, `traces` and `mail`."""
    operator: Operator
    headers: dict[str, str]
    """Of each client's requests: the API key, where there is one."""
    pace: Pace
    progress: Progress

    async def ask(self, method: str, *path: str, **parameters: float) -> Any:  # noqa: ANN401 - JSON
        """Call one of the api's operator routes."""
        return await asyncio.to_thread(self.operator.ask, method, *path, **parameters)


def urls(layout: Layout, *, compose: bool, api: str | None = None) -> dict[str, str]:
    """Return the base URLs of the native stack's parts, or of Compose's.

    Raises:
        StackError: The native stack does not run.
    """
    found = endpoints(Ports())  # Compose's ports are the customary ones
    if not compose:
        try:
            found = json.loads(layout.endpoints.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StackError(f"no stack runs in {layout.run_dir}: {error}") from error
    return {name: (found | ({"api": api} if api else {}))[name].rstrip("/") for name in ASKED}


async def until(what: str, look: Callable[[], Awaitable[T | None]], seconds: float) -> T:
    """Return the result of `look` as soon as it is neither None nor False; HTTP errors are tried again.

    Raises:
        TimeoutError: There was none in time; the message says what was missing.
    """
    deadline, trouble = time.monotonic() + seconds, ""
    while True:
        try:
            found, trouble = await look(), ""
        except httpx2.HTTPError as error:
            found, trouble = None, f" ({reason(error)})"
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}{trouble}")
        await asyncio.sleep(POLL_SECONDS)
