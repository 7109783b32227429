"""Lua scripts, each in a file beside the code that calls it."""

from collections.abc import Collection, Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any, Protocol

from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError

from services.common.redis.pipeline import AutoPipeline

Argument = str | bytes | float


class RunScript(Protocol):
    """Runs one of a service's Lua scripts, atomically, by its file's stem."""

    async def __call__(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:  # noqa: ANN401 - Redis replies are as varied as scripts
        """Return the script's reply; raises `redis.RedisError`."""


def load_scripts(pipeline: AutoPipeline, directory: Path, *, once: Collection[str] = ()) -> RunScript:
    """Return a runner for the `*.lua` files in a directory.

    Those that are named in `once` must not run twice: after a lost connection they are not sent again.
    """
    sources = {path.stem: path.read_text() for path in directory.glob("*.lua")}
    digests = {name: sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in sources.items()}

    async def run(name: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:  # noqa: ANN401 - see RunScript
        def evalsha(commands: Pipeline) -> object:
            return commands.evalsha(digests[name], len(keys), *keys, *args)

        try:
            return await pipeline(evalsha, once=name in once)
        except NoScriptError:  # Redis was restarted; the script did not run
            await pipeline(lambda commands: commands.script_load(sources[name]))
            return await pipeline(evalsha, once=name in once)

    return run
