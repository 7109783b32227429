"""`bench`: has variants of api and worker take turns, shows a table, writes `bench.json`."""

import json
import os
from argparse import ArgumentTypeError, Namespace
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aio_pika
import uvloop
from redis.asyncio import Redis

from loadtests import options
from loadtests.bench import report
from loadtests.bench.evidence import collecting
from loadtests.bench.slices import Bench
from loadtests.bench.variants import KINDS, NAMES, Variant
from loadtests.options import number
from stack import state
from stack.down import down
from stack.errors import StackError
from stack.layout import Layout, write_atomically
from stack.locking import interruptible, locked, uninterrupted
from stack.processes import Process, resident_bytes, sweep
from stack.progress import Progress
from stack.startup import start_all
from stack.up import up


def variants(text: str) -> tuple[str, ...]:
    """Return the named variants, in their usual order."""
    wanted = {part.strip() for part in text.split(",") if part.strip()}
    if not wanted or wanted - set(NAMES):
        raise ArgumentTypeError(f"{text!r} is none of {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name in wanted)


def checkout(text: str) -> Path:
    """Return the folder of a checkout of this project."""
    if not (Path(text) / "services" / "api").is_dir():
        raise ArgumentTypeError(f"{text!r} is no checkout of this project")
    return Path(text).resolve()


OPTIONS: options.Table = {
    # No longer slice: the worker is frozen meanwhile, and the broker gives up on a silent client.
    "seconds": (number(0.1, 5), "2", "how long one slice takes"),
    "rounds": (number(1, 100, int), "7", "how often each variant takes its turn, after one that warms it up"),
    "clients": (number(1, 1000, int), "32", "requests in flight"),
    "variants": (variants, ",".join(NAMES), "what is compared"),
    "processes": (number(1, 16, int), "1", "of each service; more than one are not pinned to a core"),
    "against": (checkout, "", "the folder of another checkout to compare with"),
}


add_options = partial(options.add_options, prefix="BENCH", table=OPTIONS)


def command(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Measure api and worker beside bare programs, and what telemetry costs.

    Return 0 when each order was accounted for, 1 otherwise.

    Raises:
        StackError: Something is missing, does not start or broke.
    """
    if "bare_stock" in given.variants and not find_spec("opentelemetry.distro"):
        hint = "`make bench` installs it, `--variants on,off,bare` does without"
        raise StackError(f"OpenTelemetry's zero-code instrumentation is missing: {hint}")
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise StackError("the benchmark needs two cores: one for what is measured, another for the rest")
    if given.processes == 1:
        os.sched_setaffinity(0, others)
    variants = Layout(layout.run_dir / "variants")
    with servers(layout, variants, progress) as running:
        written = uvloop.run(measure(running, variants, first, given, progress))
    file = layout.run_dir.with_name(f"{layout.run_dir.name}.json")  # the next run empties the folder
    write_atomically(file, json.dumps(written, indent=1) + "\n")
    unseen = sum(written[kind]["unseen"] for kind in KINDS)
    end = f"bench: {unseen} orders without all of their spans and log lines; {file}"
    for line in (*report.lines(written), end):
        progress.write(line)
    return 1 if unseen else 0


async def measure(
    servers: state.State, layout: Layout, core: int, given: Namespace, progress: Progress
) -> dict[str, Any]:
    """Have each variant take its turn in every round, in the reverse order every other round."""
    compared = [Variant(name, number, servers) for number, name in enumerate(given.variants)]
    if given.against:
        compared.insert(1, Variant("against", len(compared), servers, given.against))
    async with AsyncExitStack() as stack:
        starting = [started(one, core, given.processes, layout, progress) for one in compared]
        benches = [await stack.enter_async_context(one) for one in starting]
        for number in range(given.rounds + 1):
            for one in benches if number % 2 else reversed(benches):
                await one.turn(given.seconds, given.clients)
            for kind in KINDS:
                costs = ", ".join(
                    f"{one.variant.name} {one.slices[kind][-1].figures['cpu_us']:.0f}" for one in benches
                )
                progress.say(f"round {number}" if number else "warm-up", f"{kind}: CPU µs {costs}")
        processes = [one for bench in benches for some in bench.processes.values() for one in some]
        memory = {one.name: round(resident_bytes(one.pid) / 1e6, 1) for one in processes}
    # Caches were cold in the first round.
    slices = {one.variant.name: {step: found[1:] for step, found in one.slices.items()} for one in benches}
    return report.document(given, slices, memory)


@contextmanager
def servers(layout: Layout, variants: Layout, progress: Progress) -> Iterator[state.State]:
    """Run RabbitMQ and Redis while the block runs; leave no process of this run, or of an earlier one."""

    def end() -> None:
        sweep([f"{variants.run_dir}|"])
        down(layout, progress, purge=True)

    # The variants' folder has a lock of its own: `up` and `down` hold the servers' lock only for a moment.
    with locked(variants), interruptible():
        end()
        try:
            up(layout, progress, ("rabbitmq", "redis"))
            if (running := state.load(layout)) is None:
                raise StackError("RabbitMQ and Redis do not run")
            yield running
        finally:
            with uninterrupted():
                end()


@asynccontextmanager
async def started(
    variant: Variant, core: int, processes: int, layout: Layout, progress: Progress
) -> AsyncIterator[Bench]:
    """Run a variant, and hold the connections by which it is watched, while the block runs."""
    found = list[Process]()
    variant.make_virtual_host()
    async with await aio_pika.connect(variant.amqp, timeout=10) as connection:
        outcomes = await variant.declare(await connection.channel())
        async with Redis.from_url(variant.redis, decode_responses=True) as redis:
            with collecting() as (exports, otlp):
                start_all(variant.specs(processes, core, otlp), layout.run_dir, progress, found.append)
                running: dict[str, Sequence[Process]] = {
                    kind: [one for one in found if one.name.startswith(kind)] for kind in KINDS
                }
                running["servers"] = variant.servers.processes
                yield Bench(variant, layout, running, outcomes, redis, exports)
