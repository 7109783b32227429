"""Flags on spans, and scenarios that requests ask for."""

from openfeature import api
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from opentelemetry import baggage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider

from services.common.flags import FlagHook, scenario_requests

ASKS = {"baggage": "other=1,scenario=payment-slow"}


def attributes_after(flag: str) -> dict[str, object]:
    """Return the attributes of a span inside of which a flag was asked for."""
    flags = {name: InMemoryFlag(name, {"on": True, "off": False}) for name in ("on", "off")}
    api.set_provider_and_wait(InMemoryProvider(flags), "flags-test")
    client = api.get_client("flags-test")
    client.add_hooks([FlagHook()])
    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        client.get_boolean_value(flag, default_value=False)
    return dict(getattr(span, "attributes", {}))


def test_a_flag_that_is_on_stands_on_the_current_span() -> None:
    """Under the names of the semantic conventions, where a search finds it."""
    assert attributes_after("on") == {
        "feature_flag.key": "on",
        "feature_flag.result.variant": "on",
        "feature_flag.result.reason": "static",
        "feature_flag.provider.name": "In-Memory Provider",
    }
    assert attributes_after("off") == attributes_after("unknown") == {}


def test_a_request_asks_by_its_baggage() -> None:
    """The work at hand by its context, a message by its headers; in production nothing asks for a fault."""
    requested = scenario_requests("development")
    assert requested(None) == ""
    token = attach(baggage.set_baggage("scenario", "smtp-down"))
    try:
        assert requested(None) == "smtp-down"
        production = scenario_requests("production")
        assert production(None) == production(ASKS) == ""
    finally:
        detach(token)
    assert requested(ASKS) == "payment-slow"
    assert requested({}) == requested({"baggage": 5}) == requested({"baggage": "scenario"}) == ""
