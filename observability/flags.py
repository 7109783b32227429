"""Feature flags in traces, and the baggage by which a request asks for one.

Attributes: https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-logs/. They are set on the
span at hand, where a search finds them.
"""

from collections.abc import Callable, Mapping

from openfeature.flag_evaluation import FlagEvaluationDetails, FlagValueType
from openfeature.hook import Hook, HookContext, HookHints
from opentelemetry import trace

from observability.at_hand import baggage_entries
from observability.propagation import extract


class FlagHook(Hook):
    """Writes a flag that is on onto the span at hand."""

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
    """Return what the baggage of the work at hand, or of a message by its headers, has as `scenario`."""
    if headers is None:
        return str(baggage_entries().get("scenario") or "")
    if "baggage" not in headers:
        return ""
    context = extract(headers)
    return str(baggage_entries(context).get("scenario") or "")


def scenario_requests(environment: str) -> Callable[[Mapping[str, object] | None], str]:
    """Return what tells which scenario a request asks for; in production none does."""
    return _none if environment == "production" else requested_scenario


def _none(_: Mapping[str, object] | None) -> str:
    return ""
