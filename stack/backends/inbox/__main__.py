"""``python -m stack.backends.inbox``: the development inbox."""

import asyncio
import sys

from stack.backends.inbox.app import run
from stack.backends.inbox.cli import parse_settings

try:
    asyncio.run(run(parse_settings()))
except OSError as error:
    sys.exit(f"inbox: {error}")
