"""What users send, who they are, and what they are promised."""

from random import Random

import pytest
from pydantic import ValidationError

from loadtests.following import Followed
from loadtests.identity import new_journey, source_address
from loadtests.ledger import Ledger
from loadtests.orders import KINDS, MISTAKES, PRODUCTS, another, draw
from observability.correlation import accept
from services.api.catalogue import CATALOGUE
from services.api.schemas import NewOrder
from services.worker.payments import judge
from services.worker.settings import STOCK
from tests.unit.load_samples import journey

JSON = {"Content-Type": "application/json"}
CHANGES = [
    {"status": "pending", "at": "2026-11-25T10:00:00.000Z"},
    {"status": "processing", "at": "2026-11-25T10:00:00.050Z"},
    {"status": "done", "at": "2026-11-25T10:00:00.123Z"},
]


def test_the_api_takes_every_order() -> None:
    """Products that exist, and of which there are enough for a million orders."""
    rng = Random(1)  # noqa: S311 - to be repeatable
    drawn = [draw(rng) for _ in range(500)]
    for order in drawn:
        NewOrder.model_validate(order.body)
        NewOrder.model_validate(another(order))
        assert another(order) != order.body
    assert {order.kind for order in drawn} == set(KINDS)
    assert set(PRODUCTS) <= CATALOGUE.keys()
    assert min(STOCK[sku] for sku in PRODUCTS) == 1_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_orders_end_as_their_token_says(kind: object) -> None:
    """Not by chance: how often payments fail is a setting of the worker's."""
    (this,) = (one for one in KINDS if one is kind)
    verdict = judge(this.token, "an-order", 0.5, 0.5)
    assert verdict.state == ("approved" if this.status == "done" else "declined")
    assert bool(verdict.outages) is ("retried" in this.entry)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_every_mistake_is_one(mistake: object) -> None:
    """Each body but the one of another media type is refused by the api's model, or too large for it."""
    (this,) = (one for one in MISTAKES if one is mistake)
    if this.data is None or this.status == 415:
        assert this.headers != JSON
        return
    assert this.headers == JSON
    if this.name != "unknown product":  # whether there is one is no question of form
        with pytest.raises(ValidationError):
            NewOrder.model_validate_json(this.data)
    assert (len(this.data) > 64 * 1024) is (this.status == 413)


def test_a_journey_is_a_sampled_trace_of_its_own() -> None:
    """Its correlation id is one that the api takes, and names the trace."""
    one, two = new_journey(), new_journey()
    assert one.trace_id != two.trace_id
    assert one.headers["traceparent"] == f"00-{one.trace_id}-{one.span_id}-01"
    assert (len(one.trace_id), len(one.span_id)) == (32, 16)
    assert accept(one.headers["X-Correlation-ID"]) == f"load-{one.trace_id}"


def test_on_this_machine_each_user_has_an_address() -> None:
    """All of them loopback, none the usual one, which others use."""
    addresses = [source_address("http://127.0.0.1:8000", number) for number in range(1000)]
    assert len(set(addresses)) == 1000
    assert addresses[:2] == ["127.1.0.1", "127.1.0.2"]
    assert addresses[254] == "127.1.1.1"
    assert source_address("http://127.0.0.1", -1) == "127.254.255.254"


@pytest.mark.parametrize(
    "host", ["http://api:8000", "http://localhost:8000", "http://10.0.0.1", "http://[::1]"]
)
def test_elsewhere_there_is_none_to_choose(host: str) -> None:
    """A name may mean any address, and only 127.0.0.0/8 is all ours."""
    assert source_address(host, 1) is None


def test_a_promise_is_kept_when_its_order_is_settled() -> None:
    """Sent twice it is one promise; a status that is no end keeps nothing, an end counts once."""
    ledger = Ledger()
    for order_id in ("a", "b", "a"):
        ledger.promise(order_id, journey(1))
    assert not ledger.settle("a", "processing")
    assert not ledger.settle("a", "")
    assert ledger.settle("a", "done")
    assert ledger.settle("a", "done")
    assert (ledger.promised, ledger.settled, list(ledger.open)) == (2, 1, ["b"])
    assert ledger.settle("b", "failed")
    assert (ledger.settled, ledger.ends) == (2, {"done": 1, "failed": 1})


def test_time_to_settlement_is_by_the_services_clock() -> None:
    """From the first status to the last."""
    followed = Followed(CHANGES, 9.0)
    assert followed.milliseconds == pytest.approx(123)
    assert followed.complaint("done") is None
    assert followed.complaint("failed") == "ended as done instead of failed"


@pytest.mark.parametrize("changes", [[], CHANGES[:2]])
def test_an_order_out_of_sight_is_a_failure(changes: list[dict[str, str]]) -> None:
    """Its time is how long it was followed; why it broke off is told."""
    followed = Followed(changes, 60.0, "not settled within 60 s")
    assert followed.milliseconds == 60_000
    assert followed.complaint("done") == "not followed to its end: not settled within 60 s"
    assert Followed(changes, 1.0).complaint("done") == "not followed to its end: the stream ended"
