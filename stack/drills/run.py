"""One drill, from fault to all clear."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx2

from stack.drills import letters, mails, prometheus, traces
from stack.drills.kinds import Drill
from stack.drills.load import driving
from stack.drills.places import Places
from stack.errors import StackError
from stack.operators import Operator
from stack.progress import DIM, GREEN, RED, Progress

T = TypeVar("T")
POLL_SECONDS = 0.5
SHOW_SECONDS = 60.0
"""How long panel and trace may take to show the fault once its alert is there."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long an alert may take, in seconds: its windows are as long as they are."""

    firing: float
    resolved: float
    calm: float


QUICK = Pace(firing=120, resolved=150, calm=120)
AS_WRITTEN = Pace(firing=1500, resolved=2400, calm=1800)


@dataclass(frozen=True, slots=True)
class Result:
    """How a drill went; times in seconds."""

    name: str
    alert: str
    to_alert: float | None = None
    to_resolved: float | None = None
    panel: str = ""
    value: float | None = None
    trace_id: str = ""
    says: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a drill is run with."""

    client: httpx2.AsyncClient
    places: Places
    operator: Operator
    pace: Pace
    quick: bool
    headers: dict[str, str]
    progress: Progress

    async def switch(self, method: str, name: str, **parameters: float) -> None:
        """Switch a scenario on or off."""
        await asyncio.to_thread(self.operator.ask, method, "scenarios", name, **parameters)


async def run(drill: Drill, bench: Bench) -> Result:
    """Run a drill and return how it went; whatever happens, its scenario is off afterwards."""
    say = bench.progress.say
    try:
        await until(
            f"{drill.alert} to be silent before the drill",
            lambda: _silent(drill, bench),
            bench.pace.calm,
        )
        load = drill.load if bench.quick else drill.gentle or drill.load
        async with driving(bench.client, bench.places.api, load, bench.headers):
            try:
                return await _drill(drill, bench)
            finally:
                await bench.switch("DELETE", drill.name)
    except (TimeoutError, StackError, httpx2.HTTPError) as error:
        say(drill.name, f"failed: {error}", RED)
        return Result(drill.name, drill.alert, failure=str(error) or type(error).__name__)


async def _drill(drill: Drill, bench: Bench) -> Result:
    say, client, places = bench.progress.say, bench.client, bench.places
    known = await mails.ids(client, places.mail, drill.alert)

    def mail(status: str) -> Callable[[], Awaitable[str | None]]:
        wanted = mails.Wanted(f"[{status}] {drill.alert} ", drill.about)
        return lambda: mails.arrived(client, places.mail, wanted, known)

    faulted, since = time.monotonic(), time.time()
    await bench.switch("PUT", drill.name, seconds=3600)
    say(drill.name, f"fault injected; waiting for {drill.alert}")
    await until(f"the email [FIRING] {drill.alert}", mail("FIRING"), bench.pace.firing)
    to_alert = time.monotonic() - faulted
    say(drill.name, f"{drill.alert} arrived after {to_alert:.0f} s")
    shown = await until(
        f"{drill.panel.dashboard}/{drill.panel.title} to show it",
        lambda: prometheus.value(client, places.prometheus, drill.panel),
        SHOW_SECONDS,
    )
    say(drill.name, f"panel {drill.panel.dashboard}/{drill.panel.title}: {shown:.4g}", DIM)
    found = await until("a trace that shows the cause", lambda: _trace(drill, bench, since), SHOW_SECONDS)
    say(drill.name, f"{places.traces}/trace/{found.trace_id}: {found.says}", DIM)
    await bench.switch("DELETE", drill.name)
    await asyncio.to_thread(letters.settle, bench.operator, since)
    repaired = time.monotonic()
    say(drill.name, "repaired; waiting for the alert to end")
    await until(f"the email [RESOLVED] {drill.alert}", mail("RESOLVED"), bench.pace.resolved)
    to_resolved = time.monotonic() - repaired
    say(drill.name, f"resolved after {to_resolved:.0f} s", GREEN)
    where = f"{drill.panel.dashboard}/{drill.panel.title}"
    return Result(drill.name, drill.alert, to_alert, to_resolved, where, shown, found.trace_id, found.says)


async def until(what: str, look: Callable[[], Awaitable[T | None]], seconds: float) -> T:
    """Return what `look` finds, as soon as it finds something.

    Raises:
        TimeoutError: It found nothing in time; the message says what was missing.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = await look()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        await asyncio.sleep(POLL_SECONDS)


async def _silent(drill: Drill, bench: Bench) -> bool:
    return not await prometheus.active(bench.client, bench.places.prometheus, drill.alert)


async def _trace(drill: Drill, bench: Bench, since: float) -> traces.Found | None:
    return await traces.find(
        bench.client,
        bench.places.traces,
        service=drill.search.service,
        operation=drill.search.operation,
        attributes=dict(drill.search.attributes),
        longer_than_ms=drill.search.longer_than_ms,
        since=since,
        cause=drill.cause,
    )
