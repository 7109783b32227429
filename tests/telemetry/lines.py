"""Log lines, and what the contract has against them."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.telemetry.contract import IDS, IN_SPAN, Contract, LineEntry

ID_VALUES = {"correlation_id": "anything", **{name: name for name in IN_SPAN}}


def problems(contract: Contract, line: Mapping[str, Any]) -> list[str]:
    """Return what the contract has against a line."""
    found = [
        *_everywhere(contract, line),
        *(_library(contract, line) if "logger" in line else _own(contract, line)),
    ]
    return [f"{problem} in {dict(line)}" for problem in found]


def _everywhere(contract: Contract, line: Mapping[str, Any]) -> Iterator[str]:
    ids = {name: values for name, values in ID_VALUES.items() if name in line}
    for name, values in {**contract.every_line, **ids}.items():
        if name not in line or not contract.fits(values, line[name]):
            yield f"{name} is {line.get(name)!r}"


def _library(contract: Contract, line: Mapping[str, Any]) -> Iterator[str]:
    names = [n for n in contract.libraries if line["logger"] == n or line["logger"].startswith(f"{n}.")]
    if not names:
        yield "an unknown logger"
    elif line["level"] not in contract.libraries[names[0]].levels:
        yield f"a library's {line['level']}"


def _own(contract: Contract, line: Mapping[str, Any]) -> Iterator[str]:
    entry = contract.lines.get(line.get("event", ""))
    if entry is None:
        yield "an unknown event"
        return
    if line["level"] != entry.level or line["service"] not in entry.services:
        yield "another level or service"
    yield from _fields(contract, entry, line)


def _fields(contract: Contract, entry: LineEntry, line: Mapping[str, Any]) -> Iterator[str]:
    must, may = IDS[entry.ids]
    required = contract.every_line.keys() | entry.fields.keys() | set(must)
    if required - line.keys():
        yield f"without {required - line.keys()}"
    if line.keys() - required - set(may):
        yield f"with {line.keys() - required - set(may)}"
    for name, values in entry.fields.items():
        if name in line and not contract.fits(values, line[name]):
            yield f"{name} is {line[name]!r}"
