"""`telemetry.yaml` is well formed, its page is made of it, and it says what the code says, nothing else."""

import copy
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from observability.http_attributes import METHODS, UNROUTED
from services.common.messaging.topology import Subscription
from services.notifier.app import OUTCOMES
from services.worker.app import ORDERS
from tests.contract.documents import EVENTS, read
from tests.telemetry import source
from tests.telemetry.contract import CONTRACT, FILE, Contract, load
from tests.telemetry.page import page

PAGE = source.ROOT / "docs" / "telemetry.md"
PROBES = {"/health", "/ready", "/metrics"}
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text())
MALFORMED: dict[str, tuple[tuple[str, ...], object]] = {
    "an unknown section": (("more",), {}),
    "an unknown key": (("spans", "request", "colour"), "red"),
    "an unknown kind": (("spans", "request", "kind"), "entry"),
    "an unknown service": (("metrics", "emails_total", "services"), ["mailer"]),
    "no service": (("metrics", "emails_total", "services"), []),
    "no type": (("metrics", "emails_total", "type"), "number"),
    "no budget": (("metrics", "emails_total", "series"), 0),
    "unknown values": (("metrics", "emails_total", "labels"), {"outcome": "fate"}),
    "values without bounds": (("values", "word"), "[a-z]+"),
    "a broken pattern": (("values", "word"), "^[a-z$"),
    "an unknown attribute": (("spans", "charge", "attributes"), ["money"]),
    "an unknown parent": (("spans", "charge", "parents"), ["till"]),
    "an unknown level": (("lines", "request", "level"), "loud"),
    "unknown ids": (("lines", "request", "ids"), "some"),
    "unknown values in a name": (("spans", "charge", "name"), "charge {money}"),
}


def test_the_page_is_made_of_the_contract() -> None:
    """`make contracts` would change nothing."""
    assert PAGE.read_text() == page(CONTRACT)


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_refused(name: str) -> None:
    """A typing error in the contract must not declare less than it seems to."""
    (*path, last), wrong = MALFORMED[name]
    document = place = copy.deepcopy(DOCUMENT)
    for key in path:
        place = place[key]
    place[last] = wrong
    with pytest.raises(ValidationError):
        Contract.model_validate(document)


def test_nothing_is_declared_twice() -> None:
    """YAML would take the second and say nothing."""
    with pytest.raises(yaml.YAMLError, match="stand twice"):
        load(FILE.read_text() + "\nservices: [api]\n")


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
    """Nothing is told of that nobody writes."""
    for event, entry in CONTRACT.lines.items():
        calls = [
            call for call in source.lines() if call.module == entry.module and call.text.fullmatch(event)
        ]
        assert entry.level in {call.level for call in calls}, event


def test_the_metrics_are_those_of_the_code() -> None:
    """Also what they say of themselves; those of the Python process come with prometheus-client."""
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
    """As the framework knows them; probes and scrapes are not told one by one."""
    documented = set(read("openapi.json")["paths"]) - PROBES
    declared = {route.replace(":dead_letter", "") for route in CONTRACT.values["route"]}
    assert declared == documented | {"/docs", "/openapi.json", UNROUTED}


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
