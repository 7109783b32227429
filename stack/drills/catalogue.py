"""The drills: one for each scenario."""

from collections.abc import Callable, Sequence

from stack.drills.kinds import Drill, Load, Panel, Search
from stack.drills.traces import Span
from stack.errors import StackError

FLAG = "feature_flag.key"
PUBLISH, PROCESS, POST = "publish orders:order.created.v1", "process worker.order-created", "POST /v1/orders"
ORDERS = "worker.order-created"


def flagged(name: str, where: str) -> Callable[[Sequence[Span]], str]:
    """Return what looks for a span of a name that a scenario marked."""

    def cause(spans: Sequence[Span]) -> str:
        for span in spans:
            if span.name == where and span.attributes.get(FLAG) == name:
                ended = "failed" if span.failed else "took"
                return f"{span.service}: {span.name} {ended} {span.duration_ms:.0f} ms ({FLAG}={name})"
        return ""

    return cause


def unread(spans: Sequence[Span]) -> str:
    """Look for an order that was published and that nobody took."""
    names = {span.name for span in spans}
    return "published, and never processed" if PUBLISH in names and PROCESS not in names else ""


def unpublished(spans: Sequence[Span]) -> str:
    """Look for an order that was accepted and not published."""
    names = {span.name for span in spans}
    return "accepted, and never published" if POST in names and PUBLISH not in names else ""


def poisoned(spans: Sequence[Span]) -> str:
    """Look for a message that was set aside because nobody can read it."""
    broken = [span for span in spans if span.attributes.get("orderscope.outcome") == "malformed_json"]
    return f"{broken[0].service}: {broken[0].name} set it aside: malformed_json" if broken else ""


def twice(spans: Sequence[Span]) -> str:
    """Look for a message that was delivered, and done, more than once."""
    duplicate = [span for span in spans if span.attributes.get("orderscope.outcome") == "duplicate"]
    first = [span for span in spans if span.attributes.get("orderscope.outcome") == "done"]
    same = {span.attributes.get("messaging.message.id") for span in duplicate + first}
    return (
        "one message id, processed twice: done, then duplicate"
        if duplicate and first and len(same) == 1
        else ""
    )


DRILLS = (
    Drill(
        name="payment-slow",
        alert="SettlementBudgetBurn",
        about="take more than 5 s",
        panel=Panel("overview", "Accepted to settled p95", at_least=5),
        search=Search("worker", "charge payment", longer_than_ms=5000),
        cause=flagged("payment-slow", "charge payment"),
        load=Load(orders=4),
    ),
    Drill(
        name="payment-errors",
        alert="RetryStorm",
        about=ORDERS,
        panel=Panel("queues", "Retries", at_least=0.1),
        search=Search("worker", PROCESS, {"error.type": "payment_unavailable"}),
        cause=flagged("payment-errors", "charge payment"),
    ),
    Drill(
        name="payment-hang",
        alert="BacklogGrowing",
        about=ORDERS,
        panel=Panel("queues", "Ready by queue", at_least=100),
        search=Search("worker", "reserve stock"),
        cause=lambda spans: "" if any(s.name == "charge payment" for s in spans) else "no charge has ended",
        load=Load(orders=25),
        gentle=Load(orders=4),
    ),
    Drill(
        name="smtp-down",
        alert="RetryStorm",
        about="notifier.order-outcome",
        panel=Panel("queues", "Retries", at_least=0.1),
        search=Search("notifier", "send email", {"error.type": "MailServerError"}),
        cause=flagged("smtp-down", "send email"),
    ),
    Drill(
        name="poison-messages",
        alert="DeadLetters",
        about=f"{ORDERS}.dlq",
        panel=Panel("queues", "Dead letters", at_least=1),
        search=Search("worker", PROCESS, {"orderscope.outcome": "malformed_json"}),
        cause=poisoned,
    ),
    Drill(
        name="duplicate-messages",
        alert="DuplicateDeliveries",
        about=ORDERS,
        panel=Panel("queues", "Deliveries by outcome", at_least=0.1),
        search=Search("worker", PROCESS, {"orderscope.outcome": "duplicate"}),
        cause=twice,
    ),
    Drill(
        name="consumer-stopped",
        alert="QueueWithoutConsumer",
        about=ORDERS,
        panel=Panel("queues", "Fewest consumers", at_most=0),
        search=Search("api", PUBLISH),
        cause=unread,
    ),
    Drill(
        name="blocking-handler",
        alert="EventLoopBlocked",
        about="api",
        panel=Panel("service", "Event-loop lag p99", at_least=0.25, service="api"),
        search=Search("api", POST, longer_than_ms=350),
        cause=flagged("blocking-handler", POST),
        load=Load(orders=1.2),
    ),
    Drill(
        name="memory-leak",
        alert="MemoryGrowing",
        about="api",
        panel=Panel("service", "Largest memory", at_least=100 * 1024**2, service="api"),
        search=Search("api", POST, {FLAG: "memory-leak"}),
        cause=flagged("memory-leak", POST),
        load=Load(orders=16),
        gentle=Load(orders=0.9),
    ),
    Drill(
        name="cache-stampede",
        alert="CacheStampede",
        about="api",
        panel=Panel("service", "Requests or messages", at_least=5, service="api"),
        search=Search("api", "GET /v1/orders/{order_id}", {FLAG: "cache-stampede"}),
        cause=flagged("cache-stampede", "GET /v1/orders/{order_id}"),
        load=Load(orders=0.5, reads=20),
    ),
    Drill(
        name="broker-down",
        alert="RabbitMQDown",
        about="does not reach RabbitMQ",
        panel=Panel("queues", "Oldest outbox entry", at_least=1),
        search=Search("api", POST),
        cause=unpublished,
    ),
    Drill(
        name="traffic-spike",
        alert="ClientsLimited",
        about="429",
        panel=Panel("overview", "Errors", at_least=0.1),
        search=Search("api", POST, {"http.response.status_code": "429"}),
        cause=flagged("traffic-spike", POST),
        load=Load(orders=20),
    ),
)


def named(names: str) -> tuple[Drill, ...]:
    """Return the drills of a list separated by commas; `all` for every one.

    Raises:
        StackError: One of them does not exist.
    """
    known = {drill.name: drill for drill in DRILLS}
    if names == "all":
        return DRILLS
    asked = [name.strip() for name in names.split(",") if name.strip()]
    if not asked or (unknown := [name for name in asked if name not in known]):
        what = f"there is no drill {', '.join(unknown)}" if asked else "name a drill"
        raise StackError(f"{what}: all, or some of {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(asked))
