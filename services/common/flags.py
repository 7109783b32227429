"""Feature flags on spans, and the baggage by which a request asks for one.

Attributes: https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-logs/, on the current
span, where a search finds them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from openfeature.flag_evaluation import FlagEvaluationDetails
from openfeature.hook import Hook, HookContext, HookHints
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context


class FlagHook(Hook):
    """Writes a flag that is on onto the current span."""

    def after(self, hook_context: HookContext, details: FlagEvaluationDetails[Any], hints: HookHints) -> None:
        """Note the flag, unless it is off."""
        del hints
        if details.value is True:
            metadata = hook_context.provider_metadata
            known = {
                "feature_flag.key": details.flag_key,
                "feature_flag.result.variant": details.variant or "on",
                "feature_flag.result.reason": str(details.reason).lower(),
                "feature_flag.provider.name": metadata.name if metadata else "",
            }
            trace.get_current_span().set_attributes(known)


def scenario_requests(environment: str) -> Callable[[Mapping[str, object] | None], str]:
    """Return what finds the `scenario` in the current baggage or a message's; in production it finds none."""

    def requested(headers: Mapping[str, object] | None) -> str:
        carried = None if headers is None else headers.get("baggage")
        if environment == "production" or (headers is not None and not isinstance(carried, str)):
            return ""
        context = None if headers is None else propagate.extract({"baggage": carried}, Context())
        return str(baggage.get_baggage("scenario", context) or "")

    return requested
