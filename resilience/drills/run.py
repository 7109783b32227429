"""One drill, from the fault to the end of its alert."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import httpx2

from resilience.drills import dead_letters, inbox, prometheus, traces
from resilience.drills.catalogue import Drill
from resilience.drills.clients import driving
from resilience.drills.environment import QUICK, SHOW_SECONDS, Environment, until
from resilience.drills.inbox import Enough
from stack.errors import StackError
from stack.progress import DIM, GREEN, RED


@dataclass(frozen=True, slots=True)
class Result:
    """How a drill went; times in seconds."""

    name: str
    alert: str
    accepted: int = 0
    """Orders, during the drill."""
    to_alert: float | None = None
    to_resolved: float | None = None
    panel: str = ""
    value: float | None = None
    trace: str = ""
    """The address of its page."""
    says: str = ""
    failure: str = ""


async def run(drill: Drill, env: Environment) -> Result:
    """Run a drill and return how it went; in any case its scenario is off afterwards."""
    since, result = time.time(), Result(drill.name, drill.alert.name)
    try:
        await _prepare(drill, env)
        load = drill.load if env.pace is QUICK else drill.slow_load or drill.load
        async with driving(env.client, env.urls["api"], load, env.headers) as clients:
            try:
                result = await _steps(drill, env, result)
            except BaseException as error:
                # Reported before the repair, which may fail, too; an interrupt needs no report.
                if isinstance(error, Exception):
                    env.progress.say(drill.name, f"failed: {_text(error)}", RED)
                await _repair(drill, env, since)
                raise
        return replace(result, accepted=clients.accepted)
    except (TimeoutError, StackError, httpx2.HTTPError, KeyError, ValueError, ExceptionGroup) as error:
        env.progress.say(drill.name, f"failed: {_text(error)}", RED)
        return replace(result, failure=_text(error))


def _text(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_text, error.exceptions))
    return str(error) or type(error).__name__


async def _prepare(drill: Drill, env: Environment) -> None:
    """Make sure that no scenario is on and that alert and panel are silent, so that both show this fault."""
    on = [one["name"] for one in (await env.ask("GET", "scenarios"))["items"] if one["on"]]
    if on:
        raise StackError(f"{', '.join(on)} is on already: make scenario ARGS=off")
    queue = drill.alert.labels.get("queue", "")
    if queue.endswith(".dlq"):
        count = partial(asyncio.to_thread, dead_letters.count, env.operator, queue)
        if left := await until("the number of dead letters", count, SHOW_SECONDS):
            raise StackError(f"{left} dead letters keep {drill.alert.name} firing: make dead-letters")

    async def silent() -> bool:
        client, url = env.client, env.urls["prometheus"]
        alert = await prometheus.active(client, url, drill.alert, "pending", "firing")
        return not alert and await prometheus.value(client, url, drill.panel) is None

    await until(f"{drill.alert.name} and {_panel(drill)} to be silent", silent, env.pace.silent)


async def _steps(drill: Drill, env: Environment, result: Result) -> Result:
    say, client, urls = env.progress.say, env.client, env.urls
    fired = await _news(drill, env, "FIRING", all)
    started, since = time.monotonic(), time.time()
    await env.ask("PUT", "scenarios", drill.name, seconds=env.pace.fault)
    say(drill.name, f"fault injected; waiting for {drill.alert.name}")
    await until(f"the email [FIRING] {drill.alert.name}", fired, env.pace.firing)
    to_alert = time.monotonic() - started
    say(drill.name, f"{drill.alert.name} arrived after {to_alert:.0f} s")
    panel = _panel(drill)
    value = await until(
        f"{panel} to show the fault",
        lambda: prometheus.value(client, urls["prometheus"], drill.panel),
        SHOW_SECONDS,
    )
    say(drill.name, f"panel {panel}: {value:.4g}", DIM)
    trace_id, says = await until(
        "a trace that shows the cause",
        lambda: traces.find(client, urls["traces"], drill.search, drill.cause, since),
        SHOW_SECONDS,
    )
    trace = f"{urls['traces']}/trace/{trace_id}"
    say(drill.name, f"{trace}: {says}", DIM)
    seen = replace(result, to_alert=to_alert, panel=panel, value=value, trace=trace, says=says)
    return replace(seen, to_resolved=await _resolve(drill, env, since))


def _panel(drill: Drill) -> str:
    return f"{drill.panel.dashboard}/{drill.panel.title}"


async def _resolve(drill: Drill, env: Environment, since: float) -> float:
    """Repair, and return the seconds until the email that the alert is resolved."""
    if not await prometheus.active(env.client, env.urls["prometheus"], drill.alert, "firing"):
        raise StackError(f"{drill.alert.name} ended before the repair")
    resolved = await _news(drill, env, "RESOLVED", any)  # of several alerts the last one's email is enough
    repaired = time.monotonic()
    await _repair(drill, env, since)
    env.progress.say(drill.name, "repaired; waiting for the alert to end")
    await until(f"the email [RESOLVED] {drill.alert.name}", resolved, env.pace.resolved)
    to_resolved = time.monotonic() - repaired
    env.progress.say(drill.name, f"resolved after {to_resolved:.0f} s", GREEN)
    return to_resolved


async def _repair(drill: Drill, env: Environment, since: float) -> None:
    """Switch the scenario off, and replay or discard the dead letters that it caused."""
    await env.ask("DELETE", "scenarios", drill.name)
    await asyncio.to_thread(dead_letters.clear, env.operator, since, env.pace.replayed)


async def _news(drill: Drill, env: Environment, status: str, enough: Enough) -> Callable[[], Awaitable[bool]]:
    """Return a function that tells whether a new email about the alert, of this status, has arrived."""
    alert, client, mail = drill.alert, env.client, env.urls["mail"]
    subject = f"[{status}] {alert.name} ({alert.severity})"
    known = await inbox.ids(client, mail, subject)

    async def arrived() -> bool:
        new = [
            f"{mail}/api/v1/message/{mail_id}" for mail_id in await inbox.ids(client, mail, subject) - known
        ]
        return any([await inbox.says(client, url, alert.text, enough) for url in new])

    return arrived
