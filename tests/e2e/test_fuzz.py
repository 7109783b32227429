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

import httpx2
import pytest
from aio_pika import Message
from aio_pika.abc import AbstractChannel

from services.common.settings import DEVELOPMENT_SECRET
from tests.running import Endpoints
from tests.servers import eventually, publish

CONFIG = Path(__file__).with_name("schemathesis.toml")
QUEUE = "worker.order-created"
LETTERS = 12
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
async def folder(stack: Endpoints, channel: AbstractChannel, tmp_path: Path) -> AsyncIterator[Path]:
    """Yield a folder with the configuration and ids of dead letters; end the scenarios that were begun."""
    for number in range(LETTERS):
        await publish(channel, QUEUE, Message(b"fuzz", message_id=str(number), correlation_id="fuzz"))
    async with httpx2.AsyncClient(
        base_url=stack["api"], headers={"Authorization": f"Bearer {DEVELOPMENT_SECRET}"}, timeout=10
    ) as client:

        async def look() -> list[str] | None:
            page = await client.get(f"/v1/dead-letters/{QUEUE}.dlq", params={"limit": 100})
            items = page.json().get("items", [])
            return [item["id"] for item in items] if len(items) >= LETTERS else None

        ids = await eventually(look, seconds=20)
        (tmp_path / "letters.txt").write_text("\n".join(map(json.dumps, ids)))
        shutil.copy(CONFIG, tmp_path)
        yield tmp_path
        assert (await client.delete("/v1/scenarios")).status_code == 200


@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_every_operation_answers_as_documented(stack: Endpoints, folder: Path) -> None:
    """Valid and invalid requests, with and without credentials, odd methods, sequences of calls."""
    examples = [f"--max-examples={DEEP_EXAMPLES}", "--generation-database=none"] if DEEP_EXAMPLES else BOUNDED
    result = subprocess.run(  # noqa: S603 - our own command
        [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={CONFIG.name}",
            "run",
            f"{stack['api']}/openapi.json",
            *OPTIONS,
            *examples,
        ],
        cwd=folder,
        env={**os.environ, "OPERATOR_TOKEN": DEVELOPMENT_SECRET},
        stdout=None if DEEP_EXAMPLES else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS - 5,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    if not DEEP_EXAMPLES:
        assert "Tested: 19" in result.stdout, result.stdout
