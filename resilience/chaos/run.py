"""One run: start the system, load and faults, wait until it is quiet, settle the ledger."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

from redis.exceptions import RedisError

from resilience.chaos import evidence, ledger
from resilience.chaos.actions import Actions, Injected
from resilience.chaos.amqp import Brokers, keep_copies
from resilience.chaos.blueprint import Blueprint
from resilience.chaos.client import Answers, place_all
from resilience.chaos.options import Options
from resilience.chaos.orders import draw
from resilience.chaos.plan import Plan, chance
from resilience.chaos.system import Exit, running
from resilience.chaos.watch import Watch, until_quiet, watching
from stack.endpoints import endpoints
from stack.progress import Progress

QUIET_SECONDS = 180.0
"""How long the system has to settle everything after the last fault: four attempts at an order take 36 s."""
SETTLED_PER_SECOND = 25.0
"""More time for more orders: at least so many are settled a second, should nearly all still wait."""
OVERTIME_SECONDS = 360.0
"""How much longer than planned load and faults may take."""
TICK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    rows: dict[str, list[str]]
    """The entries of each row of the ledger."""
    keys: dict[str, str]
    """The correlation id of each order, by its id."""
    answers: Answers
    faults: list[Injected]
    exits: list[Exit]
    quiet: bool
    seconds: float


async def run(options: Options, plan: Plan, blueprint: Blueprint, progress: Progress) -> Outcome:
    """Do all of it.

    Raises:
        StackError, TimeoutError, ExceptionGroup: The system or the harness broke, rather than an order.
    """
    began, answers, brokers = time.monotonic(), Answers(), Brokers(blueprint.amqp)
    api, orders = endpoints(blueprint.ports)["api"], draw(options.seed, options.orders)
    async with running(blueprint, progress) as system, watching(blueprint) as watch:
        await brokers.run(keep_copies)
        actions = Actions(system, brokers, chance(options.seed, "messages"))
        async with asyncio.timeout(plan.seconds + OVERTIME_SECONDS), asyncio.TaskGroup() as tasks:
            reporting = tasks.create_task(_report(progress, watch, answers, options.orders))
            async with asyncio.TaskGroup() as work:
                work.create_task(place_all(api, orders, plan.seconds, answers))
                work.create_task(actions.run(plan, progress))
            reporting.cancel()
        progress.say("quiet", "no more faults, no more orders; waiting until all is settled")
        deadline = QUIET_SECONDS + options.orders / SETTLED_PER_SECOND
        quiet = await until_quiet(watch, deadline, lambda text: progress.say("waiting", text))
        log = blueprint.layout.log("notifier")
        found = await evidence.gather(watch, brokers, log)
    keys = {**{record.id: record.key for record in found.records.values()}, **answers.accepted}
    rows = ledger.settle(found, answers, actions.poisons, actions.exits)
    seconds = time.monotonic() - began
    return Outcome(rows, keys, answers, actions.injected, actions.exits, quiet, seconds)


async def _report(progress: Progress, watch: Watch, answers: Answers, orders: int) -> None:
    """Say every few seconds how far the load is."""
    settled = 0
    while True:
        await asyncio.sleep(TICK_SECONDS)
        with suppress(RedisError):  # while Redis does not answer, the last number stands
            settled = len(answers.accepted) - await watch.open_orders()
        accepted, refused = len(answers.accepted), answers.refused.total()
        progress.say("load", f"{accepted} of {orders} accepted, {settled} settled, {refused} refusals")
