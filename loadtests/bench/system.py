"""The private system of a run: RabbitMQ and Redis, and beside them each variant."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import aio_pika
from redis.asyncio import Redis

from loadtests.bench.evidence import collecting
from loadtests.bench.slices import Bench
from loadtests.bench.variants import KINDS, Variant
from stack import state
from stack.down import down
from stack.errors import StackError
from stack.layout import Layout
from stack.locking import interruptible, locked, uninterrupted
from stack.processes import Process, sweep
from stack.progress import Progress
from stack.startup import start_all
from stack.up import up


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
