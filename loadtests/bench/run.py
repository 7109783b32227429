"""One run: everything is started, takes its turns in rounds, and is stopped."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aio_pika
from redis.asyncio import Redis

from loadtests.bench.bench import Bench
from loadtests.bench.broker import Queues, make_virtual_hosts
from loadtests.bench.options import Options
from loadtests.bench.sink import Sink, listening
from loadtests.bench.system import System
from loadtests.bench.variants import Variant
from stack.progress import GREEN, Progress


@asynccontextmanager
async def benches(system: System, variants: Sequence[Variant], cores: set[int]) -> AsyncIterator[list[Bench]]:
    """Yield the variants, each running on these cores.

    Raises:
        StackError: One does not start.
    """
    await make_virtual_hosts(f"http://127.0.0.1:{system.ports.rabbitmq_management}", variants)
    async with AsyncExitStack() as stack:
        yield [await _bench(stack, system, variant, cores) for variant in variants]


async def _bench(stack: AsyncExitStack, system: System, variant: Variant, cores: set[int]) -> Bench:
    enter = stack.enter_async_context
    connection = await enter(await aio_pika.connect(variant.amqp(system.ports), timeout=10))
    queues = Queues(variant, await connection.channel(on_return_raises=True))
    await queues.declare()
    redis = await enter(Redis.from_url(variant.redis(system.ports), decode_responses=True))
    sink = await enter(listening(Sink()))
    system.start(variant, sink.port, cores)
    return Bench(variant, system, queues, redis, sink)


async def take_turns(found: Sequence[Bench], options: Options, progress: Progress) -> None:
    """Have each take its turn in every round; who was first is last in the next round.

    Raises:
        StackError: Something broke, or was lost.
    """
    for number in range(options.rounds + 1):
        for kind in options.kinds:
            ones = [bench for bench in found if bench.variant.kind == kind]
            first = number % len(ones)
            for bench in [*ones[first:], *ones[:first]]:
                bench.slices.append(await bench.turn(options.seconds, options.clients))
            rates = ", ".join(f"{bench.variant.name} {bench.slices[-1].rate:.0f}/s" for bench in ones)
            progress.say(f"round {number}" if number else "warm-up", f"{kind}: {rates}", GREEN)
    for bench in found:
        del bench.slices[0]  # caches were cold
