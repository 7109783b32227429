"""Which traces are kept: the standard samplers, without an object a decision.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.trace import SpanContext, TraceFlags

_LOW_BITS = 2**64 - 1
"""Of a trace id: what the ratio is compared with, as the SDK does."""
_PARENT_BASED = "parentbased_"
_DEFAULT = "parentbased_always_on"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sampling:
    """A sampler: keeps a share of the traces, or what each one's parent says."""

    ratio: float = 1.0
    parent_based: bool = True

    def keeps(self, trace_id: int, parent: SpanContext | None) -> bool:
        """Decide about a span of this trace; `parent` is None for the first."""
        if parent is not None and self.parent_based:
            return bool(parent.trace_flags & TraceFlags.SAMPLED)
        return trace_id & _LOW_BITS < round(self.ratio * 2**64)


def sampling(environment: Mapping[str, str]) -> Sampling:
    """Return what `OTEL_TRACES_SAMPLER` and its argument ask for; all is kept if they make no sense."""
    name = environment.get("OTEL_TRACES_SAMPLER", _DEFAULT).lower()
    kept = {"always_on": 1.0, "always_off": 0.0}
    root = name.removeprefix(_PARENT_BASED)
    if root == "traceidratio":
        return Sampling(_ratio(environment.get("OTEL_TRACES_SAMPLER_ARG", "")), name != root)
    if root not in kept:
        _log.warning("unknown sampler %r, taking %s", name, _DEFAULT)
        return Sampling()
    return Sampling(kept[root], name != root)


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        _log.warning("the sampler's ratio should be a number from 0 to 1, not %r; taking 1", text)
        return 1.0
    return ratio
