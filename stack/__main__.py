"""``python -m stack``: starts, stops and shows the native stack."""

import sys

from stack.cli import main

sys.exit(main())
