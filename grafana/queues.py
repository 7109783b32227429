"""Where messages are, how long they wait, and which of them failed."""

from dataclasses import replace

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
    number(
        "Ready",
        "Messages in work queues that no consumer has yet. Near 0 when there are enough workers.",
        Query(f"sum({READY}{{{WORK_QUEUES}}})", "ready"),
        limits=(100, 1000),
    ),
    number(
        "Unacknowledged",
        "Delivered and not yet acknowledged. At the prefetch (50 a worker) all workers are busy.",
        Query(f"sum({_UNACKED}{{{WORK_QUEUES}}})", "unacknowledged"),
        limits=(50, 500),
    ),
    number(
        "Fewest consumers",
        "Of any work queue. At 0 its messages wait: is that service up, and is it connected?",
        Query(f"min(sum by (queue) ({_CONSUMERS}{{{WORK_QUEUES}}}))", "consumers"),
        limits=(1, 1),
        more=Page.SERVICE,
    ),
    number(
        "Waiting for a retry",
        "In a retry queue for 1, 5 or 30 s. Many at once: a dependency fails, and load is deferred.",
        Query(f"sum({READY}{{{RETRIES}}})", "waiting"),
        limits=(20, 200),
    ),
    number(
        "Dead letters",
        "Find out why they failed, repair that, then replay or discard them: make dead-letters.",
        Query(f"sum({DEAD}{{{DEAD_LETTERS}}})", "dead letters"),
        limits=(1, 10),
    ),
    replace(OLDEST_OUTBOX_ENTRY, more=None),
)

_QUEUES = (
    replace(READY_BY_QUEUE, more=None),
    number(
        "Unacknowledged by queue",
        "A flat line at the prefetch while others are ready: the consumers are the bottleneck.",
        Query(f"sum by (queue) ({_UNACKED}{{{WORK_QUEUES}}})", "{{queue}}"),
        limits=(50, 500),
    ),
    number(
        "Consumers",
        "One for each process of a service. A dip is a restart or a lost connection.",
        Query(f"sum by (queue) ({_CONSUMERS}{{{WORK_QUEUES}}})", "{{queue}}"),
        limits=(1, 1),
    ),
)

_DURATIONS = (
    seconds(
        "Time in queue",
        "p95 from publishing to first delivery. Grows before the queue's depth looks bad.",
        Query(quantile(0.95, "messaging_time_in_queue_seconds", by="queue"), "{{queue}}", exemplars=True),
        limits=(1, 5),
    ),
    PROCESSING_TIME,
    per_second(
        "Deliveries by outcome",
        "The result of each delivery. Many duplicates: acknowledgements get lost. Others: errors.",
        Query(rate("messaging_client_consumed_messages_total", by="queue, outcome"), "{{outcome}} {{queue}}"),
    ),
)

_THROUGHPUT = (
    per_second(
        "Published and confirmed",
        "A confirmed message is safe. A gap between the two: the broker is slow, or blocks publishers.",
        Query(rate(f"{_BROKER}_received_total"), "published"),
        Query(rate(f"{_BROKER}_confirmed_total"), "confirmed"),
        Query(rate(f"{_BROKER}_unroutable_returned_total"), "returned: no queue"),
    ),
    per_second(
        "Delivered and acknowledged",
        "The two run together. Only delivered: consumers take messages and do not acknowledge them.",
        Query(rate(f"{_BROKER}_delivered_total"), "delivered"),
        Query(rate(f"{_BROKER}_acknowledged_total"), "acknowledged"),
    ),
    per_second(
        "Redelivered",
        "Requeued, or taken from a consumer that died. A steady rate: a consumer keeps crashing.",
        Query(rate(f"{_BROKER}_redelivered_total"), "redelivered"),
        limits=(0.1, 1),
    ),
)

_FAILURES = (
    per_second(
        "Retries",
        "By the error's name. payment_unavailable: the provider; connection: Redis or SMTP.",
        Query(rate("consumer_retries_total", by="queue, reason"), "{{reason}} {{queue}}"),
        limits=(0.1, 1),
    ),
    per_second(
        "Dead letters by reason",
        "retries_exhausted: repair the cause, then replay. Others: a producer is wrong.",
        Query(rate("dead_letters_total", by="queue, reason"), "{{reason}} {{queue}}"),
        limits=(0.01, 0.1),
    ),
    per_second(
        "Replayed, discarded and swept",
        "Swept orders had lost their message: find out where. Replayed ones should not come back.",
        Query(rate("dead_letters_handled_total", by="action"), "dead letters {{action}}"),
        Query(rate("orders_swept_total", by="outcome"), "orders swept: {{outcome}}"),
    ),
)

_OUTBOX = (
    replace(OUTBOX_ENTRIES, more=None),
    seconds(
        "Age of the oldest entry",
        "Rising by 1 s a second: nothing is published. For one service only: its relay.",
        Query("max by (job) (outbox_oldest_age_seconds)", "{{job}}"),
        limits=(5, 30),
    ),
    per_second(
        "Sent from the outbox",
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
