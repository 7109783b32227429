"""The development backends as real processes."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.request import Request, urlopen

_DEADLINE_SECONDS = 20


@dataclass(frozen=True)
class Backend:
    """A running backend and the addresses that it printed."""

    process: asyncio.subprocess.Process
    addresses: list[str]

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Send a signal and return the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(_DEADLINE_SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def backend(module: str, *arguments: str) -> AsyncIterator[Backend]:
    """Run a module until the context ends, from the moment that it has printed its two addresses."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            line = (await process.stdout.readline()).decode()
        yield Backend(process, re.findall(r"\w+://[\w.:]+", line))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def fetch(url: str, body: bytes | None = None, **headers: str) -> bytes:
    """Send a request over a real connection and return the body of the answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, body, named)  # noqa: S310 -- http, to this machine

    def exchange() -> bytes:
        with urlopen(request, timeout=_DEADLINE_SECONDS) as answer:  # noqa: S310 -- likewise
            content: bytes = answer.read()
            return content

    return await asyncio.to_thread(exchange)
