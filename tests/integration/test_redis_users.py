"""Each service's user of Redis is refused what is not its service's.

That it can do its work is shown end to end.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from services.common.redis.client import redis_client
from stack.servers.users import SERVICES
from tests.running import Endpoints

ORDER = ("order:1", "order:1:status", "order:1:event", "orders:open")
OWN = {
    "api": (*ORDER, "orders", "orders:late", "rate:1", "idempotency:1"),
    "worker": (*ORDER, "orders", "order:1:reservation", "stock", "payment:1"),
    "notifier": ("notification:1",),
}
KEYS = sorted({key for keys in OWN.values() for key in keys} | {"outbox:api", "outbox:worker", "anything"})
FOREIGN = {user: [key for key in KEYS if key not in {*OWN[user], f"outbox:{user}"}] for user in SERVICES}
DANGEROUS = (
    "FLUSHALL", "FLUSHDB", "CONFIG GET *", "KEYS *", "SCAN 0", "EVAL return 0", "SHUTDOWN",
    "ACL LIST", "SAVE", "MONITOR", "CLIENT KILL TYPE normal", "SCRIPT FLUSH", "REPLICAOF NO ONE",
    "MODULE LIST", "PSUBSCRIBE *", "SUBSCRIBE anything", "PUBLISH anything x",
)  # fmt: skip


@asynccontextmanager
async def client_of(servers: Endpoints, user: str) -> AsyncIterator[Redis]:
    """Yield a client that belongs to a service's user."""
    async with redis_client(re.sub("//", f"//{user}:orderscope@", servers["redis"])) as client:
        yield client


@pytest.mark.parametrize("user", SERVICES)
async def test_a_service_reaches_its_keys_and_no_others(servers: Endpoints, user: str) -> None:
    """Reading a foreign one is refused, there or not; so is writing, also by a script."""
    write = "return redis.call('SET', KEYS[1], 'x')"
    async with redis_client(servers["redis"]) as administrator:
        await administrator.flushall()
        sha = await administrator.script_load(write)
    async with client_of(servers, user) as client:
        for key in OWN[user]:
            assert await client.get(key) is None
            assert await client.evalsha(sha, 1, key) == "OK"
        for key in FOREIGN[user]:
            for refused in (client.get(key), client.set(key, "x"), client.evalsha(sha, 1, key)):
                with pytest.raises(NoPermissionError):
                    await refused


@pytest.mark.parametrize("user", SERVICES)
async def test_scenarios_are_read_by_all_and_switched_by_the_api(servers: Endpoints, user: str) -> None:
    """And the right to delete a field is one for them alone."""
    async with client_of(servers, user) as client:
        assert await client.hgetall("scenarios") == {}
        if user == "api":
            await client.hset("scenarios", "smtp-down", "1")
            await client.hdel("scenarios", "smtp-down")
        else:
            with pytest.raises(NoPermissionError):
                await client.hset("scenarios", "smtp-down", "1")
        for key in OWN[user]:
            with pytest.raises(NoPermissionError):
                await client.hdel(key, "field")


@pytest.mark.parametrize("user", SERVICES)
@pytest.mark.parametrize("command", DANGEROUS)
async def test_a_service_may_not_harm_the_server(servers: Endpoints, user: str, command: str) -> None:
    """Nothing that deletes, looks around, or runs scripts from nowhere."""
    async with client_of(servers, user) as client:
        with pytest.raises(NoPermissionError):
            await client.execute_command(*command.split(" "))  # type: ignore[no-untyped-call]


async def test_a_wrong_password_is_refused(servers: Endpoints) -> None:
    """Also here, where the password is public."""
    address = servers["redis"].replace("//", "//api:wrong@")
    async with redis_client(address) as client:
        with pytest.raises(Exception, match=r"WRONGPASS|invalid username-password"):
            await client.ping()


async def test_connecting_asks_for_nothing_that_is_refused(servers: Endpoints) -> None:
    """The log of refusals stays empty, so that an entry means something."""
    async with redis_client(servers["redis"]) as administrator:
        await administrator.acl_log_reset()
        for user in SERVICES:
            async with client_of(servers, user) as client:
                assert await client.ping()
        assert await administrator.acl_log() == []
