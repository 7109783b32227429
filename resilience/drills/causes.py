"""What to look for in a trace."""

from collections.abc import Callable, Sequence

from resilience.drills.traces import Span

FLAG = "feature_flag.key"
PUBLISH, PROCESS, POST = "publish orders:order.created.v1", "process worker.order-created", "POST /v1/orders"
ACCEPT, RESERVE, CHARGE = "redis: accept", "reserve stock", "charge payment"
OUTCOME = "orderscope.outcome"


def flagged(name: str, where: str) -> Callable[[Sequence[Span]], str]:
    """Return what looks for a span of a name that a scenario marked."""

    def cause(spans: Sequence[Span]) -> str:
        for span in spans:
            if span.name == where and span.attributes.get(FLAG) == name:
                ended = "failed" if span.failed else "took"
                return f"{span.service}: {span.name} {ended} {span.duration_ms:.0f} ms ({FLAG}={name})"
        return ""

    return cause


def lacking(there: str, missing: str, says: str) -> Callable[[Sequence[Span]], str]:
    """Return what looks for a trace that has one span and not the next."""

    def cause(spans: Sequence[Span]) -> str:
        names = {span.name for span in spans}
        return says if there in names and missing not in names else ""

    return cause


def poisoned(spans: Sequence[Span]) -> str:
    """Look for a message that was set aside because nobody can read it."""
    broken = [span for span in spans if span.attributes.get(OUTCOME) == "malformed_json"]
    return f"{broken[0].service}: {broken[0].name} set it aside: malformed_json" if broken else ""


def twice(spans: Sequence[Span]) -> str:
    """Look for a message that was delivered, and done, more than once."""
    found = {
        outcome: {
            span.attributes.get("messaging.message.id")
            for span in spans
            if span.attributes.get(OUTCOME) == outcome
        }
        for outcome in ("done", "duplicate")
    }
    both = found["done"] & found["duplicate"]
    return "one message id, processed twice: done, then duplicate" if both else ""
