"""One drill, from fault to all clear."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import httpx2

from resilience.drills import letters, mails, prometheus, traces
from resilience.drills.kinds import Drill
from resilience.drills.load import driving
from resilience.drills.places import Places
from resilience.drills.waiting import until
from stack.errors import StackError
from stack.operators import Operator
from stack.progress import DIM, GREEN, RED, Progress

SHOW_SECONDS = 60.0
"""How long panel and trace may take to show the fault once its alert is there."""
DEAD = '.dlq"'
"""How the labels end of an alert about dead letters."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take, in seconds: an alert's windows are as long as they are."""

    firing: float
    resolved: float
    calm: float
    """For an alert of before to end."""
    settling: float
    """For dead letters to be settled."""

    @property
    def fault(self) -> float:
        """After how long a fault ends by itself, should nobody be left to end it."""
        return min(3600.0, self.firing + 3 * SHOW_SECONDS)


QUICK = Pace(firing=120, resolved=180, calm=150, settling=60)
AS_WRITTEN = Pace(firing=1800, resolved=4000, calm=4000, settling=600)


@dataclass(frozen=True, slots=True)
class Result:
    """How a drill went; times in seconds."""

    name: str
    alert: str
    accepted: int = 0
    """Orders, while it ran."""
    to_alert: float | None = None
    to_resolved: float | None = None
    panel: str = ""
    value: float | None = None
    trace: str = ""
    """Its address."""
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

    async def ask(self, method: str, *path: str, **parameters: float) -> dict[str, list[dict[str, object]]]:
        """Ask the api, as an operator."""
        found: dict[str, list[dict[str, object]]] = await asyncio.to_thread(
            self.operator.ask, method, *path, **parameters
        )
        return found


async def run(drill: Drill, bench: Bench) -> Result:
    """Run a drill and return how it went; whatever happens, its scenario is off afterwards."""
    since, result = time.time(), Result(drill.name, drill.alert.name)
    try:
        await _begin(drill, bench)
        load = drill.load if bench.quick else drill.gentle or drill.load
        async with driving(bench.client, bench.places.api, load, bench.headers) as clients:
            try:
                result = await _drill(drill, bench, result)
            except BaseException as error:
                # Said now, as cleaning up may fail, too, and hide it; an interrupt speaks for itself.
                if isinstance(error, Exception):
                    bench.progress.say(drill.name, f"broken off: {_text(error)}", RED)
                await _clean(drill, bench, since)
                raise
        return replace(result, accepted=clients.accepted)
    except (TimeoutError, StackError, httpx2.HTTPError, KeyError, ValueError, ExceptionGroup) as error:
        bench.progress.say(drill.name, f"failed: {_text(error)}", RED)
        return replace(result, failure=_text(error))


def _text(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_text, error.exceptions))
    return str(error) or type(error).__name__


async def _begin(drill: Drill, bench: Bench) -> None:
    """See that what will be shown is the fault's doing: no other is on, alert and panel are silent."""
    on = [str(one["name"]) for one in (await bench.ask("GET", "scenarios"))["items"] if one["on"]]
    if on:
        raise StackError(f"{', '.join(on)} is on already: make scenario ARGS=off")
    if DEAD in drill.alert.labels:
        look = partial(asyncio.to_thread, letters.lying, bench.operator, drill.alert.labels)
        lying = await until("the dead letters to be told of", look, SHOW_SECONDS)
        if lying:
            raise StackError(f"{lying} letters keep {drill.alert.name} from being silent: make dead-letters")
    client, prometheus_url = bench.client, bench.places.prometheus

    async def silent() -> bool:
        alert = await prometheus.active(client, prometheus_url, drill.alert, "pending", "firing")
        return not alert and await prometheus.value(client, prometheus_url, drill.panel) is None

    panel = f"{drill.panel.dashboard}/{drill.panel.title}"
    await until(f"{drill.alert.name} to be silent, and {panel} to show nothing", silent, bench.pace.calm)


async def _drill(drill: Drill, bench: Bench, result: Result) -> Result:
    say, client, places = bench.progress.say, bench.client, bench.places
    fired = await _mail(drill, bench, "FIRING", all)
    faulted, since = time.monotonic(), time.time()
    await bench.ask("PUT", "scenarios", drill.name, seconds=bench.pace.fault)
    say(drill.name, f"fault injected; waiting for {drill.alert.name}")
    await until(f"the email [FIRING] {drill.alert.name}", fired, bench.pace.firing)
    to_alert = time.monotonic() - faulted
    say(drill.name, f"{drill.alert.name} arrived after {to_alert:.0f} s")
    panel = f"{drill.panel.dashboard}/{drill.panel.title}"
    value = await until(
        f"{panel} to show it", lambda: prometheus.value(client, places.prometheus, drill.panel), SHOW_SECONDS
    )
    say(drill.name, f"panel {panel}: {value:.4g}", DIM)
    found = await until(
        "a trace that shows the cause",
        lambda: traces.find(client, places.traces, drill.search, since),
        SHOW_SECONDS,
    )
    trace = f"{places.traces}/trace/{found.trace_id}"
    say(drill.name, f"{trace}: {found.says}", DIM)
    seen = replace(result, to_alert=to_alert, panel=panel, value=value, trace=trace, says=found.says)
    return replace(seen, to_resolved=await _repair(drill, bench, since))


async def _repair(drill: Drill, bench: Bench, since: float) -> float:
    """Repair, and return after how long the alert's end arrived."""
    if not await prometheus.active(bench.client, bench.places.prometheus, drill.alert, "firing"):
        raise StackError(f"{drill.alert.name} ended before the repair")
    over = await _mail(drill, bench, "RESOLVED", any)  # of several the last tells that all are over
    repaired = time.monotonic()
    await _clean(drill, bench, since)
    bench.progress.say(drill.name, "repaired; waiting for the alert to end")
    await until(f"the email [RESOLVED] {drill.alert.name}", over, bench.pace.resolved)
    to_resolved = time.monotonic() - repaired
    bench.progress.say(drill.name, f"resolved after {to_resolved:.0f} s", GREEN)
    return to_resolved


async def _clean(drill: Drill, bench: Bench, since: float) -> None:
    """Switch the scenario off and settle what it set aside."""
    await bench.ask("DELETE", "scenarios", drill.name)
    await asyncio.to_thread(letters.settle, bench.operator, since, bench.pace.settling)


async def _mail(
    drill: Drill, bench: Bench, status: str, enough: Callable[[Iterable[bool]], bool]
) -> Callable[[], Awaitable[str | None]]:
    """Return what looks for news of the alert that are not there yet."""
    alert, client, mail = drill.alert, bench.client, bench.places.mail
    known = await mails.ids(client, mail, alert.name)
    wanted = mails.Wanted(f"[{status}] {alert.name} ({alert.severity})", alert.about, enough)
    return lambda: mails.arrived(client, mail, wanted, known)
