"""`dead-letters`: lists, shows, replays and discards messages that could not be processed."""

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from stack.errors import StackError
from stack.layout import Layout
from stack.operators import Operator, add_operator_arguments, operator
from stack.progress import Progress, columns

SHOWN = ("id", "dead_lettered_at", "reason", "attempts", "replays", "correlation_id", "trace_id")
ROUTES = "dead-letters"
"""Where the routes are, under `/v1/`."""


def add_options(parser: ArgumentParser) -> None:
    """Add the options."""
    add = parser.add_argument
    add("action", nargs="?", choices=ACTIONS, default="list", help="what to do (default: list)")
    add("queue", nargs="?", help="a dead-letter queue, or how its name begins; without one all are listed")
    add("dead_letter", nargs="?", metavar="ID", help="a dead letter's id, as the list shows it")
    add("--all", action="store_true", help="replay or discard every dead letter of the queue")
    add("--limit", type=int, default=20, help="how many to list (1 to 100, default: 20)")
    add("--offset", type=int, default=0, help="how many to skip")
    add_operator_arguments(parser)


def command(layout: Layout, given: Namespace, progress: Progress) -> int:
    """List, show, replay or discard messages that could not be processed.

    The token comes from OPERATOR_TOKEN, `.env` or, natively, is the public one.

    Raises:
        StackError: The api refuses or cannot be reached, or the command line lacks something.
    """
    asked = operator(layout, given.api, reads=given.action in {"list", "show"})
    queues = asked.ask("GET", ROUTES)
    names = [entry["queue"] for entry in queues["items"]]
    if given.queue:
        fitting = [name for name in names if name.startswith(given.queue)]
        if len(fitting) != 1:
            raise StackError(f"{given.queue} is not one of {', '.join(names)}")
        answer, lines = ACTIONS[given.action](asked, fitting[0], given)
    elif given.action == "list":
        rows = [(entry["queue"], str(entry["count"])) for entry in queues["items"]]
        answer, lines = queues, columns([("QUEUE", "DEAD LETTERS"), *rows])
    else:
        raise StackError(f"{given.action} needs a queue: {', '.join(names)}")
    for line in [json.dumps(answer, indent=1)] if given.json else map(printable, lines):
        progress.write(line)
    return 0


def _list(asked: Operator, queue: str, given: Namespace) -> tuple[Any, list[str]]:
    answer = asked.ask("GET", ROUTES, queue, limit=given.limit, offset=given.offset)
    rows = [tuple(str(one[name]) for name in SHOWN) for one in answer["items"]]
    total = f"{len(rows)} of {answer['count']} dead letters in {queue}"
    return answer, [*columns([tuple(name.upper() for name in SHOWN), *rows]), total]


def _show(asked: Operator, queue: str, given: Namespace) -> tuple[Any, list[str]]:
    if given.dead_letter is None:
        raise StackError("show needs a dead letter's id")
    answer = asked.ask("GET", ROUTES, queue, given.dead_letter)
    facts = [(name, str(value)) for name, value in answer.items() if name not in {"headers", "body"}]
    headers = [(f"header {name}", str(value)) for name, value in answer["headers"].items()]
    return answer, [*columns([*facts, *headers]), "", *str(answer["body"]).split("\n")]


def _replay(asked: Operator, queue: str, given: Namespace) -> tuple[Any, list[str]]:
    answer = asked.ask("POST", ROUTES, *_chosen(queue, given), "replay")
    return answer, [f"{answer['handled']} replayed, {answer['left']} left in {queue}"]


def _discard(asked: Operator, queue: str, given: Namespace) -> tuple[Any, list[str]]:
    answer = asked.ask("DELETE", ROUTES, *_chosen(queue, given))
    return answer, [f"{answer['handled']} discarded, {answer['left']} left in {queue}"]


def _chosen(queue: str, given: Namespace) -> list[str]:
    if given.all == (given.dead_letter is not None):
        raise StackError(f"{given.action} needs either a dead letter's id or --all")
    return [queue] if given.all else [queue, given.dead_letter]


def printable(text: str) -> str:
    """Return a text without what a terminal would obey: a stranger may have written it."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


ACTIONS = {"list": _list, "show": _show, "replay": _replay, "discard": _discard}
