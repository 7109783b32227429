"""All that a running stack has emitted so far, and what of the contract is missing in it."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from prometheus_client import Metric

from tests.e2e.seen import SERVICES
from tests.e2e.senders import MARK, Senders
from tests.telemetry import series, spans
from tests.telemetry.contract import CONTRACT, Emission
from tests.telemetry.spans import Span

PATIENCE_SECONDS = 20
"""After the last path was taken: a retry, a sweep, an export."""
PAUSE_SECONDS = 0.5
ALL_TIME = {
    "query.startTimeMin": "1970-01-01T00:00:00Z",
    "query.startTimeMax": "2600-01-01T00:00:00Z",
    "query.searchDepth": "100000",
}


@dataclass(frozen=True, slots=True)
class Emitted:
    """Spans, lines and metrics."""

    spans: list[Span]
    lines: list[dict[str, Any]]
    metrics: dict[str, dict[str, Metric]]
    """By service and name."""

    def ours(self) -> frozenset[str]:
        """Return the traces of the paths that were taken here: they are there as a whole."""
        marked = [line for line in self.lines if str(line.get("correlation_id")).startswith(MARK)]
        return frozenset(line["trace_id"] for line in marked if "trace_id" in line)

    def gaps(self) -> set[str]:
        """Return spans of our traces, and consumers of what was sent, that are not there, or not yet."""
        traces, known = self.ours(), spans.by_id(self.spans)
        ours = [span for span in self.spans if span.trace_id in traces]
        named = {span.parent_id for span in ours if span.parent_id}
        named |= {
            line["span_id"] for line in self.lines if line.get("trace_id") in traces if "span_id" in line
        }
        named |= {span_id for trace_id, span_id in self._exemplars() if trace_id in traces}
        sent = {span.span_id for span in ours if span.kind == "producer" and not span.failed}
        return (named - known.keys()) | (sent - {span.parent_id for span in ours if span.kind == "consumer"})

    def _exemplars(self) -> Iterator[tuple[str, str]]:
        for families in self.metrics.values():
            for family in families.values():
                yield from series.exemplars(family)

    def missing(self) -> set[str]:
        """Return what is declared as an everyday thing and was not emitted, by service."""
        lines: list[tuple[str, Emission]] = [*CONTRACT.lines.items(), *CONTRACT.libraries.items()]
        declared = {f"{s}: span {n}" for n, e in CONTRACT.spans.items() if not e.when for s in e.services}
        declared |= {f"{s}: line {n}" for n, e in lines if not e.when for s in e.services}
        declared |= {f"attribute {a} of {n}" for n, e in CONTRACT.spans.items() for a in e.optional}
        return declared - self._found()

    def _found(self) -> set[str]:
        found = {f"{line['service']}: line {line.get('logger', line['event'])}" for line in self.lines}
        for span in self.spans:
            kind = spans.kind_of(CONTRACT, span)
            found |= {f"{span.service}: span {kind}", *(f"attribute {a} of {kind}" for a in span.attributes)}
        return found


async def everything(stack: Senders) -> Emitted:
    """Return all that was emitted, as soon as nothing is missing, or when patience is at its end."""
    end = monotonic() + PATIENCE_SECONDS
    while True:
        emitted = await _now(stack)
        if not (emitted.missing() or emitted.gaps()) or monotonic() > end:
            return emitted
        await asyncio.sleep(PAUSE_SECONDS)


async def _now(stack: Senders) -> Emitted:
    # Metrics first and spans last: what the former lead to has then been stored, or will be.
    shown = {name: await metrics(stack, name) for name in SERVICES}
    files = [stack.layout.log(name).read_text() for name in SERVICES]
    lines = [json.loads(line) for text in files for line in text.splitlines()]
    address = f"{stack.seen.endpoints['traces']}/api/v3/traces"
    traces = await stack.api.get(address, params=ALL_TIME, timeout=60)
    return Emitted(spans.spans_of(traces.json()), lines, shown)


async def metrics(stack: Senders, service: str) -> dict[str, Metric]:
    """Return what a service exposes at this moment."""
    exposed = await stack.api.get(f"{stack.addresses[service]}/metrics", headers=series.OPEN_METRICS)
    return series.families(exposed.text)
