"""Feature flags on spans, and the baggage by which a request asks for one.

Attributes: https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-logs/, on the current
span, where a search finds them.
"""

from collections.abc import Callable, Mapping

from openfeature.flag_evaluation import FlagEvaluationDetails, FlagValueType
from openfeature.hook import Hook, HookContext, HookHints
from opentelemetry import baggage, trace

from observability.propagation import extract


class FlagHook(Hook):
    """Writes a flag that is on onto the current span."""

    def after(
        self, hook_context: HookContext, details: FlagEvaluationDetails[FlagValueType], hints: HookHints
    ) -> None:
        """Note the flag, unless it is off."""
        del hints
        if details.value is not True:
            return
        metadata = hook_context.provider_metadata
        trace.get_current_span().set_attributes(
            {
                "feature_flag.key": details.flag_key,
                "feature_flag.result.variant": details.variant or "on",
                "feature_flag.result.reason": str(details.reason).lower(),
                "feature_flag.provider.name": metadata.name if metadata else "",
            }
        )


def requested_scenario(headers: Mapping[str, object] | None) -> str:
    """Return what the current baggage, or that of a message by its headers, has as `scenario`."""
    if headers is not None and "baggage" not in headers:
        return ""
    context = None if headers is None else extract(headers)
    return str(baggage.get_baggage("scenario", context) or "")


def scenario_requests(environment: str) -> Callable[[Mapping[str, object] | None], str]:
    """Return what tells which scenario a request asks for; in production none does."""
    return (lambda _: "") if environment == "production" else requested_scenario
