"""``python -m stack.backends.traces``: the trace store."""

import asyncio
import sys

from stack.backends.traces.app import run
from stack.backends.traces.cli import parse_settings

try:
    asyncio.run(run(parse_settings()))
except OSError as error:
    sys.exit(f"traces: {error}")
