"""``python -m cli``: every command of the project."""

import sys

from cli.command import main

sys.exit(main())
