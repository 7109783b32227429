"""What the code would emit, as it is written: calls that write lines, name spans, make metrics."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.telemetry.contract import IN_SPAN

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("observability", "services", "loadtests")
LEVELS = {"exception": "error"} | {name: name for name in ("debug", "info", "warning", "error", "critical")}
COUNTERS = frozenset({"Counter", "counter", "_counter", "results"})
METRICS = COUNTERS | {"Gauge", "gauge", "level", "Histogram", "histogram", "seconds"}
SPANS = frozenset({"traced", "continued", "start_span"})


@dataclass(frozen=True, slots=True)
class Line:
    """A call that writes a line."""

    module: str
    level: str
    text: re.Pattern[str]
    fields: frozenset[str]
    more: bool
    """Whether further fields are passed on."""


@cache
def lines() -> tuple[Line, ...]:
    """Return every call of a `log`."""
    return tuple(
        _line(module, call.func.attr, call)
        for module, call in _calls()
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "log"
        and call.func.attr in LEVELS
    )


def _line(module: str, method: str, call: ast.Call) -> Line:
    names = {word.arg for word in call.keywords if word.arg}
    if method == "exception" or "exc_info" in names:
        names = (names - {"exc_info"}) | {"exception"}
    # Ids that are passed explicitly are no fields: `ids` tells of them.
    fields = frozenset(names - {"correlation_id", *IN_SPAN})
    more = any(word.arg is None for word in call.keywords)
    return Line(module, LEVELS[method], _pattern(call.args[0]), fields, more)


@cache
def metrics() -> dict[str, str]:
    """Return the metrics that are made, with what they say of themselves."""
    found = {}
    for _, call in _calls():
        texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        if _called(call) in METRICS and len(texts) >= 2:  # a name and its description
            name, about = str(texts[0]), str(texts[1])
            found[f"{name}_total" if _called(call) in COUNTERS else name] = about
    return found


@cache
def spans() -> tuple[re.Pattern[str], ...]:
    """Return the names of spans, whatever is filled in."""
    named = [call.args[0] for _, call in _calls() if _called(call) in SPANS and call.args]
    named += [name for _, name in _script_spans()]
    return tuple(_pattern(name) for name in named if isinstance(name, ast.Constant | ast.JoinedStr))


def _script_spans() -> Iterator[tuple[str, ast.expr]]:
    """Yield what `traced_scripts` is given: dictionaries of scripts and names."""
    for module, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and "SPANS" in {getattr(to, "id", "") for to in node.targets}:
                yield from ((module, name) for name in getattr(node.value, "values", ()))
            elif isinstance(node, ast.Call) and _called(node) == "traced_scripts":
                for given in node.args:
                    yield from ((module, name) for name in getattr(given, "values", ()))


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _pattern(text: ast.expr) -> re.Pattern[str]:
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    return re.compile(
        "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in parts)
    )


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for module, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield module, node


@cache
def _trees() -> tuple[tuple[str, ast.Module], ...]:
    files = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return tuple(
        (".".join(file.relative_to(ROOT).with_suffix("").parts), ast.parse(file.read_text()))
        for file in files
    )
