"""All that a running stack has emitted so far, and what of the contract is missing in it."""

import asyncio
import json
from dataclasses import dataclass
from time import monotonic

from prometheus_client import Metric

from tests.e2e.paths import Paths
from tests.e2e.seen import SERVICES, Line
from tests.running import address
from tests.telemetry import series, spans
from tests.telemetry.contract import CONTRACT, Emission
from tests.telemetry.spans import Span

TIMEOUT_SECONDS = 20
"""After the last path was taken: a retry, a sweep, an export."""
PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Emitted:
    """Spans, lines and metrics."""

    spans: list[Span]
    lines: list[Line]
    metrics: dict[str, dict[str, Metric]]
    """By service and name."""

    def ours(self) -> frozenset[str]:
        """Return the traces of the paths that were taken here, which are complete."""
        marked = [line for line in self.lines if str(line.get("correlation_id")).startswith(Paths.mark)]
        return frozenset(line["trace_id"] for line in marked if "trace_id" in line)

    def gaps(self) -> set[str]:
        """Return spans of our traces, and consumers of what was sent, that are not there, or not yet."""
        traces, known = self.ours(), spans.by_id(self.spans)
        ours = [span for span in self.spans if span.trace_id in traces]
        families = [family for metrics in self.metrics.values() for family in metrics.values()]
        exemplars = [exemplar for family in families for exemplar in series.exemplars(family)]
        named = {span.parent_id for span in ours if span.parent_id}
        named |= {x["span_id"] for x in self.lines if x.get("trace_id") in traces if "span_id" in x}
        named |= {span_id for trace_id, span_id in exemplars if trace_id in traces}
        sent = {span.span_id for span in ours if span.kind == "producer" and not span.failed}
        return (named - known.keys()) | (sent - {span.parent_id for span in ours if span.kind == "consumer"})

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

    def problems(self, *, stock: bool = False) -> list[str]:
        """Return what the contract has against the spans."""
        known, ours = spans.by_id(self.spans), self.ours()
        return [
            problem
            for span in self.spans
            for problem in spans.problems(CONTRACT, span, known, complete=span.trace_id in ours, stock=stock)
        ]


async def everything(stack: Paths) -> Emitted:
    """Return all that was emitted, as soon as nothing is missing, or after the timeout."""
    end = monotonic() + TIMEOUT_SECONDS
    while True:
        emitted = await _now(stack)
        if not (emitted.missing() or emitted.gaps()) or monotonic() > end:
            return emitted
        await asyncio.sleep(PAUSE_SECONDS)


async def _now(stack: Paths) -> Emitted:
    # Metrics first and spans last: what the former lead to has then been stored, or will be.
    urls = {name: f"{address(stack.layout, name)}/metrics" for name in SERVICES}
    texts = {name: (await stack.api.get(url, headers=series.OPEN_METRICS)).text for name, url in urls.items()}
    logs = [stack.layout.log(name).read_text() for name in SERVICES]
    lines = [json.loads(line) for text in logs for line in text.splitlines()]
    traces = spans.spans_of(json.loads(await stack.seen.all_traces()))
    return Emitted(traces, lines, {name: series.families(text) for name, text in texts.items()})
