"""`docs/telemetry.md`, made of the contract: `python -m tests.telemetry.page` prints it."""

import sys
from collections.abc import Iterable, Mapping, Sequence

from tests.telemetry.contract import CONTRACT, Contract
from tests.telemetry.matrix import JOINS, matrix

HEAD = """\
# What the services emit

Made of [`contracts/telemetry.yaml`](../contracts/telemetry.yaml) by `make contracts`; not to be edited
here. The tests hold what really runs to it, in both directions: each span, attribute, series, label, line
and field that is emitted is declared, and what is declared is emitted. A name in *italics* is one of the
[values](#values) at the end.

## How signals join

For each service, what leads from one signal to the other; each cell is a test
(`tests/e2e/test_telemetry.py`).
"""
JOINED = """
From a line to its span: `trace_id`, `span_id`; by `trace_flags` (`01`, `03`) one knows that it was kept.
From a metric to a trace: the exemplar of a histogram's bucket, in `/metrics` as OpenMetrics and in
Prometheus. From a consumer to its producer: parent and link. From anything to the client's request:
`correlation_id`, a field of lines and an attribute of entry spans.
"""
SPANS = """
## Spans

Names in `{braces}` are values. *Stranger*: a client's trace context, or that of a message that no service
of ours sent. Any span may fail: it then has the status `ERROR`, `error.type`, and, unless it is a request
that was answered, an event `exception` with {exception}.
"""
STOCK = """
### With `TELEMETRY=stock`

Server spans are those of `opentelemetry-instrumentation-fastapi`. They have these attributes, too,
and an exception has {exception}.
"""
METRICS = """
## Metrics

Series: the budget of one process, whatever clients send; {budget} in all. A histogram has a series for each
bucket, for its sum and for its count. E: with exemplars.
"""
LINES = """
## Lines

JSON, one object a line, with {every}. *Span*: inside a span, with `correlation_id`, `trace_id`,
`span_id` and `trace_flags`; *message*: with the ids of the message that it is about; *correlation*: with
`correlation_id` alone. A line without *when* is an everyday one.
"""


def page(contract: Contract) -> str:
    """Return the page."""
    sections = [_matrix(contract), _spans(contract), _metrics(contract), _lines(contract), _values(contract)]
    return HEAD + "".join(sections)


def _matrix(contract: Contract) -> str:
    rows = [[service, *cells.values()] for service, cells in matrix(contract).items()]
    return _table(["", *JOINS], rows) + JOINED


def _spans(contract: Contract) -> str:
    text = SPANS.replace("{exception}", _code(contract.exception))
    rows = []
    for span in contract.spans.values():
        extra = [f"`{name}` ({when})" for name, when in span.optional.items()]
        others = ", ".join(_span(contract, other) for other in span.parents)
        linked = ", ".join(_span(contract, other) for other in span.links)
        attributes = ", ".join([*(f"`{name}`" for name in span.attributes), *extra])
        about = span.about + (f" *When {span.when}.*" if span.when else "")
        rows.append([_name(span.name), span.kind, _list(span.services), about, others, linked, attributes])
    head = ["span", "kind", "services", "", "parent", "links to", "attributes"]
    attributes, resource = (
        _table(
            ["attribute", "value", ""], [[f"`{name}`", _held(a.holds), a.about] for name, a in one.items()]
        )
        for one in (contract.attributes, contract.resource)
    )
    return (
        f"{text}{_table(head, rows)}\n### Attributes\n{attributes}"
        f"\n### Resource\n{resource}{_stock(contract)}"
    )


def _stock(contract: Contract) -> str:
    rows = [[f"`{name}`", when] for name, when in contract.stock.attributes.items()]
    differences = "".join(f"- {' '.join(text.split())}\n" for text in contract.stock.differences)
    about = STOCK.replace("{exception}", _code(contract.stock.exception))
    return f"{about}{_table(['attribute', 'when'], rows)}\n{differences}"


def _metrics(contract: Contract) -> str:
    budget = ", ".join(f"{series} {service}" for service, series in contract.series.items())
    rows = [
        [
            f"`{name}`",
            metric.type,
            metric.unit,
            _list(metric.services),
            ", ".join(f"`{label}` {_held(values)}" for label, values in metric.labels.items()),
            f"{metric.series}{' E' if metric.exemplars else ''}",
            metric.about,
        ]
        for name, metric in contract.metrics.items()
    ]
    head = ["metric", "type", "unit", "services", "labels", "series", ""]
    deviations = "".join(f"- {' '.join(text.split())}\n" for text in contract.deviations)
    return (
        METRICS.replace("{budget}", budget)
        + _table(head, rows)
        + f"\n### Where they differ from the conventions\n\n{deviations}"
    )


def _lines(contract: Contract) -> str:
    rows = [
        [name, one.level, _list(one.services), one.ids, _fields(one.fields), one.when, f"`{one.module}`"]
        for name, one in contract.lines.items()
    ]
    head = ["event", "level", "services", "ids", "fields", "when", "from"]
    libraries = [
        [f"`{name}`", _list(one.levels), one.about, one.when] for name, one in contract.libraries.items()
    ]
    return (
        LINES.replace("{every}", _code(contract.every_line))
        + _table(head, rows)
        + "\nLines of libraries, or of what logs like one, have a `logger`, and any text:\n"
        + _table(["logger", "levels", "", "when"], libraries)
    )


def _values(contract: Contract) -> str:
    rows = [
        [f"*{name}*", f"`{allowed}`" if isinstance(allowed, str) else _code(allowed)]
        for name, allowed in contract.values.items()
    ]
    return f"\n## Values\n{_table(['', 'a type, a pattern, or one of'], rows)}"


def _span(contract: Contract, name: str) -> str:
    return _name(contract.spans[name].name) if name in contract.spans else f"*{name}*"


def _name(pattern: str) -> str:
    return " or ".join(f"`{part}`" for part in pattern.split("|"))


def _fields(fields: Mapping[str, str]) -> str:
    return ", ".join(f"`{name}` {_held(values)}" for name, values in fields.items())


def _held(values: str) -> str:
    return f"*{values}*"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [_row(head), _row("---" for _ in head), *map(_row, rows)]
    return "\n" + "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page(CONTRACT))
