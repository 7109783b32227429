"""10,000 orders, customers, paths, keys and ids, none twice: the series stay within the contract's budget."""

import logging
from collections.abc import Callable, Iterator
from itertools import product

import pytest
import structlog
from prometheus_client.exposition import choose_encoder

from observability import Telemetry
from observability.http import METHODS
from services.common.messaging.messages import Process
from tests.telemetry.contract import CONTRACT
from tests.telemetry.series import families, over_budget
from tests.unit.asgi import call, http_scope
from tests.unit.hostile import api, deliveries, notifier, requests, telemetry, worker

pytestmark = pytest.mark.usefixtures("quiet")

MANY = 10_000
FEWER = 2_500
"""Where the other service has shown the same code to be right."""
ROUTES = [
    route.replace(":dead_letter", "").format(order_id=1, queue=1, dead_letter_id="0" * 32, name=1, file=1)
    for route in CONTRACT.values["route"]
]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Write no lines: they would take most of the time."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def series(seen: Telemetry) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Return all series of a service."""
    samples = [sample for metric in seen.registry.collect() for sample in metric.samples]
    return {(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples}


def assert_within_budget(seen: Telemetry, service: str) -> None:
    """Hold a service's series to the budget: of each metric, and of all together."""
    encode, _ = choose_encoder("application/openmetrics-text")
    exposed = families(encode(seen.registry).decode())
    assert list(over_budget(CONTRACT, service, exposed)) == []


async def test_requests_add_no_series_beyond_the_budget() -> None:
    """Nor does the second half of them add any to what the first half made."""
    seen = telemetry("api")
    app = api(seen)
    made = []
    for number, (scope, body) in enumerate(requests(MANY), 1):
        await call(app, scope, body)
        if number in {MANY // 2, MANY}:
            made.append(series(seen))
    assert made[0] == made[1]
    assert_within_budget(seen, "api")


async def test_every_method_on_every_route_is_within_the_budget() -> None:
    """The most that a stranger can bring about: labels that are all known, in all combinations."""
    seen = telemetry("api")
    app = api(seen)
    for method, path in product([*METHODS, "BREW"], [*ROUTES, "/nowhere"]):
        await call(app, http_scope(method, path))
    for scope, body in requests(100):
        await call(app, scope, body)
    assert_within_budget(seen, "api")


@pytest.mark.parametrize(
    ("service", "build", "queue", "many"),
    [
        ("worker", worker, "worker.order-created", MANY),
        ("notifier", notifier, "notifier.order-outcome", FEWER),
    ],
)
async def test_deliveries_add_no_series_beyond_the_budget(
    service: str, build: Callable[[Telemetry], Process], queue: str, many: int
) -> None:
    """Whatever their keys, ids, orders and customers, and however often they fail."""
    seen = telemetry(service)
    process = build(seen)
    made = []
    for number, delivery in enumerate(deliveries(many, queue), 1):
        await process(delivery)
        if number in {many // 2, many}:
            made.append(series(seen))
    assert made[0] == made[1]
    assert_within_budget(seen, service)
