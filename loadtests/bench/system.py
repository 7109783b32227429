"""The private system of a run: RabbitMQ and Redis, and beside them each variant."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class System:
    """The servers, which run, and where variants can be started."""

    servers: state.State
    layout: Layout
    core: int
    """The core of what is measured."""
    progress: Progress

    @asynccontextmanager
    async def started(self, variant: Variant, processes: int) -> AsyncIterator[Bench]:
        """Run a variant, and hold the connections by which it is watched, while the block runs."""
        ports, found = self.servers.ports, list[Process]()

        await variant.make_virtual_host(ports)
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            connection = await enter(await aio_pika.connect(variant.amqp(ports), timeout=10))
            outcomes = await variant.declare(await connection.channel())
            redis = await enter(Redis.from_url(variant.redis(ports), decode_responses=True))
            evidence, otlp = stack.enter_context(collecting())
            specs = variant.specs(processes, self.core, ports, otlp)
            start_all(specs, self.layout.run_dir, self.progress, found.append)
            running = {kind: [one for one in found if one.name.startswith(kind)] for kind in KINDS}
            every = {**running, "servers": self.servers.processes}
            yield Bench(variant, self.layout, every, outcomes, redis, evidence)


@contextmanager
def system(layout: Layout, core: int, progress: Progress) -> Iterator[System]:
    """Run RabbitMQ and Redis while the block runs; leave no process of this run, or of an earlier one."""
    variants = Layout(layout.run_dir / "variants")

    def end() -> None:
        sweep([f"{variants.run_dir}|"])
        down(layout, progress, purge=True)

    # The variants' folder has a lock of its own: `up` and `down` hold the servers' lock only for a moment.
    with locked(variants), interruptible():
        end()
        try:
            up(layout, progress, ("rabbitmq", "redis"))
            if (servers := state.load(layout)) is None:
                raise StackError("RabbitMQ and Redis do not run")
            yield System(servers, variants, core, progress)
        finally:
            with uninterrupted():
                end()
