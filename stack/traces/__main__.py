"""``python -m stack.traces``: the trace store."""

import asyncio
import sys

from stack.traces.app import run
from stack.traces.cli import parse_settings

try:
    asyncio.run(run(parse_settings()))
except OSError as error:
    sys.exit(f"traces: {error}")
