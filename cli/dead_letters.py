"""`dead-letters`: lists, shows, replays and discards what the services have set aside."""

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from stack.errors import StackError
from stack.layout import Layout
from stack.operators import Operator, add_operator_arguments, operator
from stack.progress import GREEN, YELLOW, Progress, columns

SHOWN_COLUMNS = ("id", "dead_lettered_at", "reason", "attempts", "replays", "correlation_id", "trace_id")
LETTERS = "dead-letters"
"""Where the routes are, under `/v1/`."""
ACTIONS = ("list", "show", "replay", "discard")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("action", nargs="?", choices=ACTIONS, default="list", help="what to do (default: list)")
    add("queue", nargs="?", help="a dead-letter queue, or how its name begins; without one all are listed")
    add("letter", nargs="?", metavar="ID", help="a letter's id, as the list shows it")
    add("--all", action="store_true", help="replay or discard every letter of the queue")
    add("--limit", type=int, default=20, help="letters to list (1 to 100, default: 20)")
    add("--offset", type=int, default=0, help="letters to pass over")
    add_operator_arguments(parser)


def command(given: Namespace, layout: Layout, progress: Progress) -> int:
    """Do what was asked for; the token comes from OPERATOR_TOKEN, `.env` or, natively, is the public one.

    Raises:
        StackError: The api refuses or cannot be reached, or the command line lacks something.
    """
    asked = operator(layout, given.api)
    queue = _queue(asked, given.queue) if given.queue else None
    if given.action == "list" and queue is None:
        _list_queues(asked, given, progress)
    elif queue is None:
        raise StackError(f"{given.action} needs a queue: {', '.join(_names(asked))}")
    elif given.action == "list":
        _list(asked, queue, given, progress)
    elif given.action == "show":
        _show(asked, queue, given, progress)
    else:
        _handle(asked, queue, given, progress)
    return 0


def _names(asked: Operator) -> list[str]:
    return [entry["queue"] for entry in asked.ask("GET", LETTERS)["items"]]


def _queue(asked: Operator, beginning: str) -> str:
    names = _names(asked)
    fitting = [name for name in names if name.startswith(beginning)]
    if len(fitting) != 1:
        raise StackError(f"{beginning} is not one of {', '.join(names)}")
    return fitting[0]


def _list_queues(asked: Operator, given: Namespace, progress: Progress) -> None:
    answer = asked.ask("GET", LETTERS)
    if given.json:
        progress.write(json.dumps(answer, indent=1))
        return
    rows = [(entry["queue"], str(entry["count"])) for entry in answer["items"]]
    for line in columns([("QUEUE", "LETTERS"), *rows]):
        progress.write(line)


def _list(asked: Operator, queue: str, given: Namespace, progress: Progress) -> None:
    answer = asked.ask("GET", LETTERS, queue, limit=given.limit, offset=given.offset)
    if given.json:
        progress.write(json.dumps(answer, indent=1))
        return
    rows = [tuple(printable(str(letter[name])) for name in SHOWN_COLUMNS) for letter in answer["items"]]
    for line in columns([tuple(name.upper() for name in SHOWN_COLUMNS), *rows]):
        progress.write(line)
    progress.write(f"{len(rows)} of {answer['count']} letters in {queue}")


def _show(asked: Operator, queue: str, given: Namespace, progress: Progress) -> None:
    if given.letter is None:
        raise StackError("show needs a letter's id")
    letter = asked.ask("GET", LETTERS, queue, given.letter)
    if given.json:
        progress.write(json.dumps(letter, indent=1))
        return
    facts = {name: value for name, value in letter.items() if name not in {"headers", "body"}}
    rows = [*facts.items(), *((f"header {name}", value) for name, value in letter["headers"].items())]
    for line in columns([(name, printable(str(value))) for name, value in rows]):
        progress.write(line)
    progress.write()
    for line in str(letter["body"]).split("\n"):
        progress.write(printable(line))


def printable(text: str) -> str:
    """Return a text without what a terminal would obey: it may be a stranger's."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _handle(asked: Operator, queue: str, given: Namespace, progress: Progress) -> None:
    if given.all == (given.letter is not None):
        raise StackError(f"{given.action} needs either a letter's id or --all")
    path = [queue, *([given.letter] if given.letter else [])]
    method, path = ("POST", [*path, "replay"]) if given.action == "replay" else ("DELETE", path)
    answer: dict[str, Any] = asked.ask(method, LETTERS, *path)
    if given.json:
        progress.write(json.dumps(answer))
        return
    done = "replayed" if given.action == "replay" else "discarded"
    text = f"{answer['handled']} {done}, {answer['left']} left in {queue}"
    progress.write(progress.paint(text, YELLOW if given.all and answer["left"] else GREEN))
