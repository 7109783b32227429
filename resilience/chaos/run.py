"""One run: start, load and faults, quiet, ledger."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from redis.asyncio import Redis

from resilience.chaos import evidence, ledger
from resilience.chaos.actions import Actions
from resilience.chaos.build import Blueprint
from resilience.chaos.chance import chance
from resilience.chaos.inject import Done, Injection
from resilience.chaos.letters import Mailman, keep_copies
from resilience.chaos.load import Answers, place_all
from resilience.chaos.options import Options
from resilience.chaos.orders import draw
from resilience.chaos.plan import Plan
from resilience.chaos.system import System, running
from resilience.chaos.watch import Watch, until_quiet
from stack.progress import Progress

QUIET_SECONDS = 180.0
"""How long the system has, once nothing disturbs it: four attempts at an order take 36 s."""
CATCH_UP = 25.0
"""Orders a second that it makes up for at the least, should nearly all still wait."""
OVERTIME_SECONDS = 360.0
"""How much longer than planned load and faults may take."""
TICK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    found: dict[str, list[str]]
    """What belongs into each row of the ledger."""
    keys: dict[str, str]
    """The correlation id of each order, by its id."""
    answers: Answers
    faults: list[Done]
    actions: Actions
    quiet: bool
    seconds: float


async def run(options: Options, plan: Plan, blueprint: Blueprint, progress: Progress) -> Outcome:
    """Do all of it.

    Raises:
        StackError, TimeoutError, ExceptionGroup: The system or the harness broke, rather than an order.
    """
    began = time.monotonic()
    answers, mailman = Answers(), Mailman(blueprint.amqp)
    async with running(blueprint, progress) as system, watching(blueprint, answers) as watch:
        await mailman.insist(keep_copies)
        actions = Actions(system, mailman, chance(options.seed, "messages"))
        injection = Injection(plan, actions, progress)
        async with asyncio.timeout(plan.seconds + OVERTIME_SECONDS):
            await under_load(options, injection, system, watch)
        progress.say("quiet", "no more faults, no more orders; waiting until all is settled")
        deadline = QUIET_SECONDS + options.orders / CATCH_UP
        quiet = await until_quiet(watch.waiting, deadline, lambda text: progress.say("waiting", text))
        log = blueprint.layout.log("notifier")
        found = await evidence.gather(blueprint.addresses["redis"], mailman, watch.inbox, log)
    harness = ledger.Harness(answers.accepted, answers.unanswered, actions.poisons, actions.exits)
    keys = {**{record.id: record.key for record in found.records.values()}, **answers.accepted}
    seconds = time.monotonic() - began
    return Outcome(ledger.settle(found, harness), keys, answers, injection.done, actions, quiet, seconds)


async def under_load(options: Options, injection: Injection, system: System, watch: Watch) -> None:
    """Place all orders while the faults happen; return when both are through."""
    api, orders = system.blueprint.addresses["api"], draw(options.seed, options.orders)
    async with asyncio.TaskGroup() as tasks:
        ticker = tasks.create_task(_tick(injection.progress, watch, options.orders))
        async with asyncio.TaskGroup() as work:
            work.create_task(place_all(api, orders, injection.plan.seconds, watch.answers))
            work.create_task(injection.run())
        ticker.cancel()


@asynccontextmanager
async def watching(blueprint: Blueprint, answers: Answers) -> AsyncIterator[Watch]:
    """Yield eyes that see past the proxies."""
    address, inbox = blueprint.addresses["redis"], blueprint.addresses["mail"]
    redis = Redis.from_url(address, decode_responses=True, socket_timeout=1, socket_connect_timeout=1)
    # A proxy that the environment names cannot reach this machine's ports.
    async with redis, httpx2.AsyncClient(timeout=5, trust_env=False) as client:
        yield Watch(redis, client, blueprint.metrics, inbox, answers)


async def _tick(progress: Progress, watch: Watch, orders: int) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        refused = sum(watch.answers.refused.values())
        settled = len(watch.answers.accepted) - await watch.open_orders()
        progress.say(
            "load",
            f"{len(watch.answers.accepted)} of {orders} accepted, {settled} settled, {refused} refusals",
        )
