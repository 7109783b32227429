"""`scenario`: an operator's command that lists scenarios and switches them on and off."""

import json
from argparse import ArgumentParser, Namespace

from stack.errors import StackError
from stack.layout import Layout
from stack.operators import add_operator_arguments, operator
from stack.progress import DIM, YELLOW, Progress, columns

SCENARIOS = "scenarios"
"""The path of the routes under `/v1/`."""


def add_options(parser: ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("action", nargs="?", choices=("list", "on", "off"), default="list", help="what to do (default: list)")
    add("name", nargs="?", help="which; `off` without a name switches all off")
    add("--seconds", type=float, default=900.0, help="when it ends by itself (1 to 3600, default: 900)")
    add_operator_arguments(parser)


def command(layout: Layout, given: Namespace, progress: Progress) -> int:
    """Switch named faults on and off.

    The token comes from OPERATOR_TOKEN, `.env` or, natively, is the public one.

    Raises:
        StackError: The api refuses or cannot be reached, or the command line lacks something.
    """
    asked = operator(layout, given.api, reads=given.action == "list")
    path = [SCENARIOS, *([given.name] if given.name else [])]
    if given.action == "on":
        if not given.name:
            raise StackError("on needs a scenario; `list` shows them")
        answer = asked.ask("PUT", *path, seconds=given.seconds)
    elif given.action == "off":
        answer = asked.ask("DELETE", *path)
    else:
        answer = asked.ask("GET", SCENARIOS)
    if given.json:
        progress.write(json.dumps(answer, indent=1))
        return 0
    items = answer.get("items", [answer])
    rows: list[tuple[str, ...]] = [
        (one["name"], f"on until {one['until']}" if one["on"] else "off", one["description"]) for one in items
    ]
    for one, line in zip(items, columns(rows), strict=True):
        progress.write(progress.paint(line, YELLOW if one["on"] else DIM))
    return 0
