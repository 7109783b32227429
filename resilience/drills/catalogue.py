"""The drills: one for each scenario."""

from resilience.drills.causes import (
    ACCEPT,
    CHARGE,
    FLAG,
    POST,
    PROCESS,
    PUBLISH,
    RESERVE,
    flagged,
    lacking,
    poisoned,
    twice,
)
from resilience.drills.kinds import Alert, Drill, Load, Panel
from resilience.drills.traces import Search
from stack.errors import StackError

ORDERS, OUTCOMES = "worker.order-created", "notifier.order-outcome"
READ = "GET /v1/orders/{order_id}"
LATE = 10.0
"""Seconds after which a trace that lacks a span will not get it by itself."""

DRILLS = (
    Drill(
        name="payment-slow",
        alert=Alert("SettlementBudgetBurn", "page", ("take more than 5 s",)),
        panel=Panel("overview", "Accepted to settled p95", at_least=5),
        search=Search(flagged("payment-slow", CHARGE), "worker", CHARGE, longer_than_ms=5000),
        load=Load(orders=4),
    ),
    Drill(
        name="payment-errors",
        alert=Alert("RetryStorm", "page", (f"Retry storm on {ORDERS}",), f'queue="{ORDERS}"'),
        panel=Panel(
            "queues", "Retries", at_least=0.5, labels={"queue": ORDERS, "reason": "payment_unavailable"}
        ),
        search=Search(
            flagged("payment-errors", CHARGE), "worker", PROCESS, {"error.type": "payment_unavailable"}
        ),
    ),
    Drill(
        name="payment-hang",
        alert=Alert("BacklogGrowing", "page", (f"{ORDERS} grows",), f'queue="{ORDERS}"'),
        panel=Panel("queues", "Ready by queue", at_least=100, labels={"queue": ORDERS}),
        search=Search(
            lacking(RESERVE, CHARGE, "stock is reserved, and the charge never ends"),
            "worker",
            RESERVE,
            older_than=LATE,
        ),
        load=Load(orders=25),
        gentle=Load(orders=4),
    ),
    Drill(
        name="smtp-down",
        alert=Alert("RetryStorm", "page", (f"Retry storm on {OUTCOMES}",), f'queue="{OUTCOMES}"'),
        panel=Panel("queues", "Retries", at_least=0.1, labels={"queue": OUTCOMES, "reason": "mail_server"}),
        search=Search(
            flagged("smtp-down", "send email"), "notifier", "send email", {"error.type": "MailServerError"}
        ),
        gentle=Load(orders=1),
    ),
    Drill(
        name="poison-messages",
        alert=Alert("DeadLetters", "ticket", (f"Dead letters in {ORDERS}.dlq",), f'queue="{ORDERS}.dlq"'),
        panel=Panel("queues", "Dead letters by reason", at_least=0.05, labels={"reason": "malformed_json"}),
        search=Search(poisoned, "worker", PROCESS, {"orderscope.outcome": "malformed_json"}),
        gentle=Load(orders=1),
    ),
    Drill(
        name="duplicate-messages",
        alert=Alert("DuplicateDeliveries", "ticket", (f"Messages of {ORDERS} come",), f'queue="{ORDERS}"'),
        panel=Panel(
            "queues", "Deliveries by outcome", at_least=0.5, labels={"queue": ORDERS, "outcome": "duplicate"}
        ),
        search=Search(twice, "worker", PROCESS, {"orderscope.outcome": "duplicate"}),
    ),
    Drill(
        name="consumer-stopped",
        alert=Alert("QueueWithoutConsumer", "page", (f"Nobody reads {ORDERS}",), f'queue="{ORDERS}"'),
        panel=Panel("queues", "Fewest consumers", at_most=0),
        search=Search(
            lacking(PUBLISH, PROCESS, "published, and never processed"), "api", PUBLISH, older_than=LATE
        ),
    ),
    Drill(
        name="blocking-handler",
        alert=Alert("EventLoopBlocked", "ticket", ("The event loop of api is blocked",), 'job="api"'),
        panel=Panel("service", "Event-loop lag p99", at_least=0.25, service="api"),
        search=Search(flagged("blocking-handler", POST), "api", POST, longer_than_ms=350),
        load=Load(orders=1.2),
    ),
    Drill(
        name="memory-leak",
        alert=Alert("MemoryGrowing", "ticket", ("The memory of api grows",), 'job="api"'),
        panel=Panel("service", "Largest memory", at_least=128 * 1024**2, service="api"),
        search=Search(flagged("memory-leak", POST), "api", POST, {FLAG: "memory-leak"}),
        load=Load(orders=12),  # 64 MiB within the alert's window, be it half a minute
        gentle=Load(orders=0.8),
    ),
    Drill(
        name="cache-stampede",
        alert=Alert("CacheStampede", "ticket", ("The order cache of api does not help",), 'job="api"'),
        panel=Panel("overview", "Order cache", at_least=5, labels={"result": "miss"}),
        search=Search(flagged("cache-stampede", READ), "api", READ, {FLAG: "cache-stampede"}),
        load=Load(orders=0.5, reads=20),
    ),
    Drill(
        name="broker-down",
        alert=Alert(
            "RabbitMQDown",
            "page",
            tuple(f"{name} does not reach RabbitMQ" for name in ("api", "worker", "notifier")),
        ),
        panel=Panel("queues", "Oldest outbox entry", at_least=2),
        search=Search(lacking(ACCEPT, PUBLISH, "accepted, and not published"), "api", POST, older_than=LATE),
    ),
    Drill(
        name="traffic-spike",
        alert=Alert("ClientsLimited", "ticket", ("Clients send more than api lets them",), 'job="api"'),
        panel=Panel(
            "overview",
            "Requests by route and status",
            at_least=1,
            labels={"http_response_status_code": "429"},
        ),
        search=Search(flagged("traffic-spike", POST), "api", POST, {"http.response.status_code": "429"}),
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
