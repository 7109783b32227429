"""``python -m stack.inbox``: the development inbox."""

import asyncio
import sys

from stack.inbox.app import run
from stack.inbox.cli import parse_settings

try:
    asyncio.run(run(parse_settings()))
except OSError as error:
    sys.exit(f"inbox: {error}")
