"""Where messages are, how long they wait, and which of them failed."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Query, chart, latest, number, per_second, seconds
from grafana.promql import DEAD_LETTERS, RETRIES, WORK_QUEUES, quantile, rate
from grafana.shared import DEAD, OLDEST_OUTBOX_ENTRY, OUTBOX_ENTRIES, PROCESSING_TIME, READY, READY_BY_QUEUE

_UNACKED = "rabbitmq_detailed_queue_messages_unacked"
_CONSUMERS = "rabbitmq_detailed_queue_consumers"
_BROKER = "rabbitmq_global_messages"

_NOW = (
    number("Ready", (100, 1000)).shows(
        "Messages in work queues that no consumer has yet. Near 0 when there are enough workers.",
        Query(f"sum({READY}{{{WORK_QUEUES}}})", "ready"),
    ),
    number("Unacknowledged", (50, 500)).shows(
        "Delivered and not yet acknowledged. At the prefetch (50 a worker) all workers are busy.",
        Query(f"sum({_UNACKED}{{{WORK_QUEUES}}})", "unacknowledged"),
    ),
    number("Fewest consumers", (1, 1), Page.SERVICE).shows(
        "Of any work queue. At 0 its messages wait: is that service up, and is it connected?",
        Query(f"min(sum by (queue) ({_CONSUMERS}{{{WORK_QUEUES}}}))", "consumers"),
    ),
    number("Waiting for a retry", (20, 200)).shows(
        "In a retry queue for 1, 5 or 30 s. Many at once: a dependency fails, and load is deferred.",
        Query(f"sum({READY}{{{RETRIES}}})", "waiting"),
    ),
    number("Dead letters", (1, 10)).shows(
        "Find out why they failed, repair that, then replay or discard them: make dead-letters.",
        Query(f"sum({DEAD}{{{DEAD_LETTERS}}})", "dead letters"),
    ),
    OLDEST_OUTBOX_ENTRY,
)

_QUEUES = (
    READY_BY_QUEUE,
    number("Unacknowledged by queue", (50, 500)).shows(
        "A flat line at the prefetch while others are ready: the consumers are the bottleneck.",
        Query(f"sum by (queue) ({_UNACKED}{{{WORK_QUEUES}}})", "{{queue}}"),
    ),
    number("Consumers", (1, 1)).shows(
        "One for each process of a service. A dip is a restart or a lost connection.",
        Query(f"sum by (queue) ({_CONSUMERS}{{{WORK_QUEUES}}})", "{{queue}}"),
    ),
)

_DURATIONS = (
    seconds("Time in queue", (1, 5)).shows(
        "p95 from publishing to first delivery. Grows before the queue's depth looks bad.",
        Query(quantile(0.95, "messaging_time_in_queue_seconds", by="queue"), "{{queue}}", exemplars=True),
    ),
    PROCESSING_TIME,
    per_second("Deliveries by outcome").shows(
        "The result of each delivery. Many duplicates: acknowledgements get lost. Others: errors.",
        Query(rate("messaging_client_consumed_messages_total", by="queue, outcome"), "{{outcome}} {{queue}}"),
    ),
)

_THROUGHPUT = (
    per_second("Published and confirmed").shows(
        "A confirmed message is safe. A gap between the two: the broker is slow, or blocks publishers.",
        Query(rate(f"{_BROKER}_received_total"), "published"),
        Query(rate(f"{_BROKER}_confirmed_total"), "confirmed"),
        Query(rate(f"{_BROKER}_unroutable_returned_total"), "returned: no queue"),
    ),
    per_second("Delivered and acknowledged").shows(
        "The two run together. Only delivered: consumers take messages and do not acknowledge them.",
        Query(rate(f"{_BROKER}_delivered_total"), "delivered"),
        Query(rate(f"{_BROKER}_acknowledged_total"), "acknowledged"),
    ),
    per_second("Redelivered", (0.1, 1)).shows(
        "Requeued, or taken from a consumer that died. A steady rate: a consumer keeps crashing.",
        Query(rate(f"{_BROKER}_redelivered_total"), "redelivered"),
    ),
)

_FAILURES = (
    per_second("Retries", (0.1, 1)).shows(
        "By the error's name. payment_unavailable: the provider; connection: Redis or SMTP.",
        Query(rate("consumer_retries_total", by="queue, reason"), "{{reason}} {{queue}}"),
    ),
    per_second("Dead letters by reason", (0.01, 0.1)).shows(
        "retries_exhausted: repair the cause, then replay. Others: a producer is wrong.",
        Query(rate("dead_letters_total", by="queue, reason"), "{{reason}} {{queue}}"),
    ),
    per_second("Replayed, discarded and swept").shows(
        "Swept orders had lost their message: find out where. Replayed ones should not come back.",
        Query(rate("dead_letters_handled_total", by="action"), "dead letters {{action}}"),
        Query(rate("orders_swept_total", by="outcome"), "orders swept: {{outcome}}"),
    ),
)

_OUTBOX = (
    OUTBOX_ENTRIES,
    seconds("Age of the oldest entry", (5, 30)).shows(
        "Rising by 1 s a second: nothing is published. For one service only: its relay.",
        Query("max by (job) (outbox_oldest_age_seconds)", "{{job}}"),
    ),
    per_second("Sent from the outbox").shows(
        "By event. With an error's name: those entries stay in the outbox, and are sent again.",
        Query(
            rate("messaging_client_sent_messages_total", by="messaging_destination_name, error_type"),
            "{{messaging_destination_name}} {{error_type}}",
        ),
    ),
)


def dashboard() -> Dashboard:
    """Return the dashboard of queues: depths, durations, throughput, failures, and the outbox before them."""
    rows = (
        Row("Now", map(latest, _NOW)),
        Row("Queues", map(chart, _QUEUES)),
        Row("Durations and outcomes", map(chart, _DURATIONS)),
        Row("Broker", map(chart, _THROUGHPUT)),
        Row("Failures", map(chart, _FAILURES)),
        Row("Outbox", map(chart, _OUTBOX)),
    )
    return page(Page.QUEUES, "Where messages are, how long they wait, and which of them failed.", rows)
