"""What scenarios break, and that they break nothing while they are off."""

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest

from services.api import faults
from services.api.cache import OrderCache
from services.api.faults import LEAKED_BYTES, Leak, blocking, disturbed, spike, stampede
from services.api.limits import RateLimiter
from services.api.orders import Placed
from services.api.schemas import NewOrder, Order
from services.common.messaging.messages import Outgoing
from services.notifier.faults import without_mail_server
from services.notifier.mail import MailServerError
from services.worker.faults import slow_or_hanging
from tests.unit.fakes import Scripts

PLACED = Placed(cast("Any", None), replayed=False)
ORDER: Any = "an order"


never, always = {"nothing"}.__contains__, bool
"""Which scenarios are on: none, or every one."""


async def place(_: NewOrder, __: str | None) -> Placed:
    """Place an order."""
    return PLACED


def message(number: int, **headers: str) -> Outgoing:
    """Return a message on its way out."""
    return Outgoing(f"{number}-0", "orders", "order.created.v1", f"m{number}", "c", b"{}", {**headers})


async def sent(messages: Sequence[Outgoing], scenario: str) -> tuple[list[Outgoing], list[Any]]:
    """Publish under a scenario; return what was published, and the results that the relay gets."""
    out: list[Outgoing] = []

    async def publish(batch: Sequence[Outgoing]) -> Sequence[BaseException | None]:
        out.extend(batch)
        return [ConnectionError(one.message_id) if one.message_id == "m2" else None for one in batch]

    def on_for(name: str, headers: Mapping[str, object]) -> bool:
        return name == scenario and headers.get("who") != "others"

    return out, list(await disturbed(publish, on_for)(messages))


async def test_duplicates_are_the_same_message_with_headers_of_their_own() -> None:
    """Each publish span writes its context into them; the relay gets results for the originals only."""
    first = message(1)
    out, results = await sent([first, message(2)], "duplicate-messages")
    assert [one.message_id for one in out] == ["m1", "m2", "m1", "m2"]
    assert out[2].headers is not first.headers
    assert [str(error) for error in results] == ["None", "m2"]


async def test_poison_is_a_message_of_its_own_that_nobody_can_read() -> None:
    """In the trace and under the correlation id of the order beside it; messages of others are left alone."""
    out, results = await sent([message(1, traceparent="t"), message(3, who="others")], "poison-messages")
    assert [one.body for one in out] == [b"{}", b"{}", b'{"poison":']
    assert out[2].message_id not in {"m1", "m3"}
    assert (out[2].headers, out[2].correlation_id) == ({"traceparent": "t"}, "c")
    assert results == [None, None]


async def test_a_blocked_loop_turns_for_nobody() -> None:
    """A timer runs late by as long as the handler computes."""
    began = perf_counter()
    timer = asyncio.create_task(asyncio.sleep(0.01))
    await asyncio.sleep(0)
    assert await blocking(place, always)(ORDER, None) is PLACED
    await timer
    assert perf_counter() - began > 0.35
    began = perf_counter()
    await blocking(place, never)(ORDER, None)
    assert perf_counter() - began < 0.1


async def test_a_leak_has_a_bound_and_can_be_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It grows with each request, not without end, and gives everything back."""
    leak = Leak()
    for _ in range(2):
        await leak.around(place, "memory-leak".__eq__)(ORDER, None)
    await leak.around(place, never)(ORDER, None)
    assert sum(map(len, leak.kept)) == 2 * LEAKED_BYTES
    leak.free(leaking=False)  # what a request asked for by itself stays
    leak.free(leaking=True)
    assert len(leak.kept) == 2
    monkeypatch.setattr(faults, "MAX_LEAKS", 3)
    for _ in range(3):
        await leak.around(place, always)(ORDER, None)
    assert len(leak.kept) == 3
    leak.free(leaking=False)
    assert leak.kept == []


async def test_a_stampede_finds_nothing_in_the_cache() -> None:
    """Every read is a miss, also of what was read just before."""
    reads: list[str] = []

    async def load(_: str) -> Order | None:
        return cast("Order", SimpleNamespace(status="done"))

    cache = OrderCache(load, entries=10, ttl=60, on_read=reads.append)
    for on in (never, never, always, always):
        await stampede(cache, on)("1")
    assert reads == ["miss", "hit", "miss", "miss"]


async def test_a_spike_meets_the_stricter_limit() -> None:
    """And nobody does while there is none."""
    scripts = Scripts({"limit": [1, 1, 0, 0]})
    limiter = RateLimiter(scripts, per_second=1000, burst=2000)
    for on in (never, always):
        await spike(limiter, on)("me")
    (_, usual, rate), (_, stricter, strict_rate) = scripts.calls
    assert (list(rate), list(strict_rate)) == ([0.001, 2000], [0.5, 4])
    assert usual != stricter  # apart: the client's own count stays as it is


async def test_a_provider_hangs_until_it_is_repaired_or_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until then it does not answer, however long one waits; slow is more than an order should take."""
    on, waits, charge = {"payment-hang"}, list[float](), AsyncMock()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 100:
            charge.assert_not_awaited()
            on.clear()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await slow_or_hanging(charge, on.__contains__)(ORDER)
    assert len(waits) == 100
    await slow_or_hanging(charge, "payment-slow".__eq__)(ORDER)
    assert waits[100:] == [8.0]
    assert charge.await_count == 2


async def test_a_mail_server_that_is_down_takes_nothing() -> None:
    """And everything once it is back."""
    send = AsyncMock()
    with pytest.raises(MailServerError):
        await without_mail_server(send, always)(ORDER)
    await without_mail_server(send, never)(ORDER)
    send.assert_awaited_once_with(ORDER)
