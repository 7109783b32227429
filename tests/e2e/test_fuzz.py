"""schemathesis against the running api: every operation, no server error, every answer as documented.

`make fuzz` is the same with as many examples as FUZZ_EXAMPLES says, from a random seed that it prints.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.common.settings import DEVELOPMENT_SECRET
from tests.e2e.senders import DEAD_LETTERS, OPERATOR, WORK, Senders
from tests.servers import eventually

CONFIG = Path(__file__).with_name("schemathesis.toml")
COUNT = 12
DEEP_EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
TIMEOUT_SECONDS = 3600 if DEEP_EXAMPLES else 120
OPTIONS = [
    "--request-timeout=10",
    "--continue-on-failure",
    "--no-color",
    "--workers=1",  # two threads that parse Python confuse CPython 3.11 (python/cpython#106905)
]
BOUNDED = ["--max-examples=12", "--generation-deterministic"]


@pytest.fixture
async def folder(senders: Senders, tmp_path: Path) -> AsyncIterator[Path]:
    """Yield a folder with the configuration and ids of dead letters; end the scenarios that were begun."""
    for _ in range(COUNT):
        await senders.send(WORK, b"fuzz")

    async def look() -> list[str] | None:
        page = await senders.api.get(DEAD_LETTERS, params={"limit": 100}, headers=OPERATOR)
        items = page.json().get("items", [])
        return [json.dumps(item["id"]) for item in items] if len(items) >= COUNT else None

    (tmp_path / "dead-letters.txt").write_text("\n".join(await eventually(look, seconds=20)))
    shutil.copy(CONFIG, tmp_path)
    yield tmp_path
    assert (await senders.api.delete("/v1/scenarios", headers=OPERATOR)).status_code == 200


@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_every_operation_answers_as_documented(stack: dict[str, str], folder: Path) -> None:
    """Valid and invalid requests, with and without credentials, odd methods, sequences of calls."""
    examples = [f"--max-examples={DEEP_EXAMPLES}", "--generation-database=none"] if DEEP_EXAMPLES else BOUNDED
    program = str(Path(sys.executable).with_name("schemathesis"))
    arguments = [f"--config-file={CONFIG.name}", "run", f"{stack['api']}/openapi.json", *OPTIONS, *examples]
    result = subprocess.run(  # noqa: S603 - our own command
        [program, *arguments],
        cwd=folder,
        env={**os.environ, "OPERATOR_TOKEN": DEVELOPMENT_SECRET},
        stdout=None if DEEP_EXAMPLES else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS - 5,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert DEEP_EXAMPLES or "Tested: 19" in result.stdout, result.stdout
