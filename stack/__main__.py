"""``python -m stack``: the commands of `cli`, which knows more than the stack does."""

import os
import sys

# A process of its own: the stack imports nothing that stands above it.
os.execv(sys.executable, [sys.executable, "-m", "cli", *sys.argv[1:]])  # noqa: S606 - our own interpreter
