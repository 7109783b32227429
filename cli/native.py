"""`up`, `down`, `status`, `restart`: the native stack."""

from argparse import ArgumentParser, Namespace

import stack.down
import stack.status
import stack.up
from stack.components import BUILDERS
from stack.layout import Layout
from stack.ports import ANY_PORTS
from stack.progress import Progress

NAMES = ", ".join(BUILDERS)


def add_up_options(parser: ArgumentParser) -> None:
    """Add the options of `up`."""
    parser.add_argument("--only", type=_names, metavar="NAME,…", help=f"some of: {NAMES}")
    parser.add_argument("--any-ports", action="store_true", help="free ports instead of the customary ones")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def up(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Start what does not run, and wait until it is ready."""
    stack.up.up(layout, progress, given.only, ANY_PORTS if given.any_ports else None)
    return 0


def add_down_options(parser: ArgumentParser) -> None:
    """Add the options of `down`."""
    parser.add_argument("--purge", action="store_true", help="delete data and logs too")


def down(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Stop everything that was started."""
    stack.down.down(layout, progress, purge=given.purge)
    return 0


def add_status_options(parser: ArgumentParser) -> None:
    """Add the options of `status`."""
    parser.add_argument("--json", action="store_true", help="as JSON")


def status(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Show what runs: exit status 0 all of it, 1 not all, 3 nothing."""
    rows = stack.status.rows(layout)
    stack.status.show(rows, progress, as_json=given.json)
    return stack.status.exit_code(rows)


def add_restart_options(parser: ArgumentParser) -> None:
    """Add the options of `restart`."""
    parser.add_argument("name", choices=BUILDERS, metavar="NAME", help=f"one of: {NAMES}")


def restart(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Start one component again, on the same ports."""
    stack.up.restart(layout, given.name, progress)
    return 0
