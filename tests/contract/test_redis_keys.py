"""The keys that more than one service touches: the order and its status."""

import re
from pathlib import Path

import pytest
from redis.asyncio import Redis

import services
from services.api.catalogue import CATALOGUE
from services.api.orders import created, price
from services.api.schemas import EXAMPLE, NewOrder
from services.api.settings import Settings
from services.api.store import OPEN, OrderStore, event_key, order_key, status_key
from services.common.outbox.stream import Outbox
from services.common.redis.pipeline import AutoPipeline
from services.worker.messages import OrderCreated
from services.worker.store import OrderStore as FulfilmentStore
from tests.unit.fakes import Scripts, Stream

ORDER_ID, EVENT_ID = "019ab2f0-5c1e-7d3a-9f00-6b1f2c3d4e5f", "019ab2f0-5c1f-7a01-8b2c-0123456789ab"
NEW = NewOrder.model_validate(EXAMPLE)
ORDER = price(NEW, CATALOGUE, ORDER_ID)
EVENT = created(ORDER, NEW, EVENT_ID)
SCRIPTS = Path(services.__file__).parent


async def test_api_and_worker_write_the_same_keys() -> None:
    """The status that the api begins is the one that the worker moves on; so is the order that expires."""
    outbox = Outbox(Stream().as_redis(), "any", context=dict)
    accepted = Scripts({"accept": ("accepted", "", "")})
    store = OrderStore(Redis(), AutoPipeline(Redis()), accepted, outbox, Settings())
    await store.accept(ORDER, EVENT, None)
    moved = Scripts({"reserve": ("reserved", 1), "settle": ("done", 1, "")})
    worker = FulfilmentStore(Redis(), moved, outbox, 60, 60)
    order = OrderCreated.model_validate_json(EVENT.model_dump_json()).data
    await worker.reserve(order)
    await worker.settle(order, "done", None)
    [(_, begun, _)], [(_, reserving, _), (_, settling, _)] = accepted.calls, moved.calls
    assert begun[:2] == [order_key(ORDER_ID), status_key(ORDER_ID)]
    assert reserving[0] == settling[0] == begun[1]
    assert settling[4] == begun[0]
    assert settling[5:] == begun[5:] == [OPEN, event_key(ORDER_ID)]


@pytest.mark.parametrize("service", ["api", "worker", "notifier"])
def test_each_service_may_do_what_its_scripts_do(service: str) -> None:
    """Redis holds a script to the rights of the user who calls it, and fails it in the middle otherwise."""
    text = (SCRIPTS.parent / "stack" / "config" / "users.conf").read_text()
    [rights] = re.findall(rf"^user {service} .*$", text, re.MULTILINE)
    scripts = (SCRIPTS / service / "lua").glob("*.lua")
    called = {name.lower() for path in scripts for name in re.findall(r"call\('(\w+)'", path.read_text())}
    assert called
    assert called <= set(re.findall(r"\+(\w+)", rights))
