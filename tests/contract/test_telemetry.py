"""`telemetry.yaml` says what the code says, nothing else, and its page is made of it."""

from observability.http import METHODS, UNROUTED
from services.common.messaging.topology import Subscription
from services.notifier.app import OUTCOMES
from services.worker.app import ORDERS
from tests.contract.documents import EVENTS, read
from tests.telemetry import source
from tests.telemetry.contract import CONTRACT
from tests.telemetry.page import page

PAGE = source.ROOT / "docs" / "telemetry.md"
PROBES = {"/health", "/ready", "/metrics"}


def test_the_page_is_made_of_the_contract() -> None:
    """`make contracts` would change nothing."""
    assert PAGE.read_text() == page(CONTRACT)


def test_every_line_that_the_code_writes_is_declared() -> None:
    """With its module, its level and its fields."""
    for call in source.lines():
        declared = [
            entry
            for event, entry in CONTRACT.lines.items()
            if call.text.fullmatch(event) and entry.module == call.module and entry.level == call.level
        ]
        assert declared, f"{call.module} writes {call.text.pattern} at {call.level}, and nobody says so"
        for entry in declared:
            fields = set(entry.fields)
            assert call.fields <= fields, f"{call.text.pattern} has {call.fields - fields}"
            assert call.more or call.fields == fields, f"{call.text.pattern} lacks {fields - call.fields}"


def test_every_logger_is_one_that_logs_are_configured_for() -> None:
    """Or one of ours, which writes as libraries do."""
    configured = (source.ROOT / "observability" / "logs.py").read_text()
    for name in CONTRACT.libraries:
        assert f'"{name.partition(".")[0]}' in configured or name.startswith("observability."), name


def test_every_declared_line_is_in_the_code() -> None:
    """Nothing is declared that nobody writes."""
    for event, entry in CONTRACT.lines.items():
        calls = [
            call for call in source.lines() if call.module == entry.module and call.text.fullmatch(event)
        ]
        assert entry.level in {call.level for call in calls}, event


def test_the_metrics_are_those_of_the_code() -> None:
    """Their descriptions, too; those of the Python process come with prometheus-client."""
    own = {
        name: entry.about
        for name, entry in CONTRACT.metrics.items()
        if not name.startswith(("python_", "process_"))
    }
    assert source.metrics() == own


def test_the_spans_are_those_of_the_code() -> None:
    """Each name that is made is declared, and the other way round."""
    declared = {name: span.name.replace("{", "<").rpartition("|")[2] for name, span in CONTRACT.spans.items()}
    found = {
        pattern: [n for n, text in declared.items() if pattern.fullmatch(text)] for pattern in source.spans()
    }
    assert all(found.values()), [pattern.pattern for pattern, names in found.items() if not names]
    named = {name for names in found.values() for name in names}
    assert declared.keys() - named == {"request"}  # whose name depends on the request


def test_routes_are_those_of_the_api() -> None:
    """As the framework knows them; probes and scrapes have no spans."""
    documented = set(read("openapi.json")["paths"]) - PROBES
    declared = {route.replace(":dead_letter", "") for route in CONTRACT.values["route"]}
    assert declared == documented | {"/docs", "/docs/{file}", "/openapi.json", UNROUTED}


def test_values_are_those_of_the_code() -> None:
    """Methods, queues, destinations, events."""
    values = CONTRACT.values
    assert set(values["method"]) == METHODS | {"_OTHER"}
    assert set(values["verb"]) == METHODS | {"HTTP"}
    assert set(values["queue"]) == {ORDERS.queue, OUTCOMES.queue}
    assert set(values["dead_letter_queue"]) == {ORDERS.dead_letter_queue, OUTCOMES.dead_letter_queue}
    assert set(values["event_type"]) == set(EVENTS)
    sent = {f"orders:{event}" for event in EVENTS}
    assert set(values["destination"]) == sent | destinations(ORDERS) | destinations(OUTCOMES)


def destinations(subscription: Subscription) -> set[str]:
    """Return what deliveries of a subscription come from."""
    queue = subscription.queue
    return {queue} | {f"orders:{key}:{queue}" for key in (*subscription.routing_keys, "_other")}
