"""Which metrics and labels a PromQL expression names: enough of its grammar to find them."""

import re
from dataclasses import dataclass, field

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)?\s*\{([^}]*)\}")
_MADE = re.compile(r'\)\s*,\s*"(\w+)"\s*,')
"""The label that `label_replace` makes."""
_RANGE = re.compile(r"\[[^\]]*\]")
_NAME = re.compile(r"(?<![\w:.$])([A-Za-z_:][\w:]*)(?!\s*\(|[\w:])")
_LABEL = re.compile(r"\w+(?=\s*(?:=~|!~|!=|=))")
_WORDS = {"and", "or", "unless", "bool", "offset", "by", "on"}


@dataclass
class Named:
    """What an expression names: labels by the metric that they select, and labels that it groups by."""

    selected: dict[str, set[str]] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)


def selectors(expression: str) -> list[str]:
    """Return every selector of an expression, with its matchers and without its range."""
    strings: list[str] = []

    def put_away(match: re.Match[str]) -> str:
        strings.append(match[0])
        return f'"{len(strings) - 1}"'

    rest = _GROUPING.sub(" ", _STRING.sub(put_away, expression))
    rest = _RANGE.sub(" ", rest)
    found = [match[0] for match in _SELECTOR.finditer(rest)]
    found += [name for name in _NAME.findall(_SELECTOR.sub(" 0 ", rest)) if name not in _WORDS]
    return [re.sub(r'"(\d+)"', lambda match: strings[int(match[1])], selector) for selector in found]


def names(expression: str) -> Named:
    """Return the metrics of an expression with the labels of their matchers, and its grouping labels."""
    found = Named()
    for one in selectors(expression):
        metric, _, matchers = one.partition("{")
        labels = _LABEL.findall(_STRING.sub('""', matchers))
        found.selected.setdefault(metric.strip(), set()).update(labels)
    for labels in _GROUPING.findall(_STRING.sub('""', expression)):
        found.grouped.update(part.strip() for part in labels.split(",") if part.strip())
    found.grouped -= set(_MADE.findall(expression))
    return found
