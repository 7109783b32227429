"""The private servers, for real: they keep what they confirmed, and only this machine reaches them."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis

from stack import processes, programs
from stack.ports import Ports, free_port
from stack.progress import Progress
from stack.servers import redis
from stack.spec import Spec
from stack.startup import start_all


class Servers:
    """Servers of one test, in a folder whose path has spaces and is not ASCII."""

    def __init__(self, run_dir: Path) -> None:
        """Begin with nothing running."""
        self.run_dir = run_dir
        self.processes: dict[str, processes.Process] = {}

    def start(self, *specs: Spec) -> None:
        """Start servers and wait until they are ready."""
        with Path(os.devnull).open("w") as nowhere:
            start_all(specs, self.run_dir, Progress(nowhere), lambda it: self.processes.update({it.name: it}))

    def kill(self, name: str) -> None:
        """End a server as a power cut does."""
        processes.stop(self.processes[name], kill=True)

    def listening(self, name: str) -> set[str]:
        """Return the addresses that a server listens on."""
        sockets = psutil.Process(self.processes[name].pid).net_connections("tcp")
        return {str(one.laddr[0]) for one in sockets if one.status == psutil.CONN_LISTEN}


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Servers]:
    """Return a place for servers; whatever they are and have started is gone afterwards."""
    servers = Servers(tmp_path / "a run dir, übrigens")
    try:
        yield servers
    finally:
        processes.stop_all(servers.processes.values(), kill=True)
    assert processes.marked((f"{servers.run_dir}|",)) == []


async def test_redis_keeps_answered_writes_over_a_kill(private: Servers) -> None:
    """The append-only file is on; killed and started again it has the key. Only this machine reaches it."""
    port = free_port()
    spec = redis.spec(
        programs.require(programs.REDIS), Ports(redis=port), private.run_dir / "redis", os.environ
    )
    private.start(spec)
    async with Redis(port=port, decode_responses=True) as client:
        assert await client.set("order", "accepted")
        settings = await client.config_get("append*", "maxmemory-policy", "maxmemory")
    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "always")
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["maxmemory"] != "0"
    assert private.listening("redis") == {"127.0.0.1"}
    private.kill("redis")
    private.start(spec)
    async with Redis(port=port, decode_responses=True) as client:
        assert await client.get("order") == "accepted"
    process = private.processes["redis"]
    os.kill(process.pid, signal.SIGSTOP)
    assert not spec.ready()
    assert processes.stop_all([process]) == []  # a frozen server can be stopped, too
