"""Where messages are, how long they wait, and what went wrong with them."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.units import OpsPerSecond, Seconds, Short

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Panel, Query, chart, stat
from grafana.promql import DEAD_LETTERS, RETRIES, WORK_QUEUES, quantile, rate
from grafana.rates import BROKER, FAILURES, OUTBOX

_READY = "rabbitmq_detailed_queue_messages_ready"
_UNACKED = "rabbitmq_detailed_queue_messages_unacked"
_CONSUMERS = "rabbitmq_detailed_queue_consumers"

_NOW = (
    Panel(
        title="Ready",
        description="Messages in work queues that no consumer has yet. Near 0 when there are enough workers.",
        unit=Short,
        queries=(Query(f"sum({_READY}{{{WORK_QUEUES}}})", "ready"),),
        warn=100,
        bad=1000,
    ),
    Panel(
        title="In hand",
        description="Delivered, not yet acknowledged. At the prefetch (50 a worker) all workers are busy.",
        unit=Short,
        queries=(Query(f"sum({_UNACKED}{{{WORK_QUEUES}}})", "in hand"),),
        warn=50,
        bad=500,
    ),
    Panel(
        title="Fewest consumers",
        description="Of any work queue. At 0 its messages wait: is that service up, and is it connected?",
        unit=Short,
        queries=(Query(f"min(sum by (queue) ({_CONSUMERS}{{{WORK_QUEUES}}}))", "consumers"),),
        warn=1,
        bad=1,
        more=Page.SERVICE,
    ),
    Panel(
        title="Waiting for a retry",
        description="Put off for 1, 5 or 30 s. Many at once: a dependency fails; load is only put off.",
        unit=Short,
        queries=(Query(f"sum({_READY}{{{RETRIES}}})", "put off"),),
        warn=20,
        bad=200,
    ),
    Panel(
        title="Dead letters",
        description="Given up. Find out why, repair it, then replay or discard them: make dead-letters.",
        unit=Short,
        queries=(Query(f"sum({_READY}{{{DEAD_LETTERS}}})", "dead letters"),),
        warn=1,
        bad=10,
    ),
    Panel(
        title="Oldest outbox entry",
        description="How long an accepted event has waited to be published. Grows while RabbitMQ is away.",
        unit=Seconds,
        queries=(Query("max(outbox_oldest_age_seconds)", "oldest"),),
        warn=5,
        bad=30,
    ),
)

_QUEUES = (
    Panel(
        title="Ready by queue",
        description="What grows and does not fall lacks consumers, or its consumers lack something: which?",
        unit=Short,
        queries=(Query(f"sum by (queue) ({_READY})", "{{queue}}"),),
        warn=100,
        bad=1000,
    ),
    Panel(
        title="In hand by queue",
        description="A flat line at the prefetch, and others ready: the consumers are the bottleneck.",
        unit=Short,
        queries=(Query(f"sum by (queue) ({_UNACKED}{{{WORK_QUEUES}}})", "{{queue}}"),),
        warn=50,
        bad=500,
    ),
    Panel(
        title="Consumers",
        description="One for each process of a service. A dip is a restart or a lost connection.",
        unit=Short,
        queries=(Query(f"sum by (queue) ({_CONSUMERS}{{{WORK_QUEUES}}})", "{{queue}}"),),
        warn=1,
        bad=1,
    ),
)

_TIMES = (
    Panel(
        title="Time in queue",
        description="p95 from publishing to first delivery. Grows before the queue's depth looks bad.",
        unit=Seconds,
        queries=(
            Query(quantile(0.95, "messaging_time_in_queue_seconds", by="queue"), "{{queue}}", exemplars=True),
        ),
        warn=1,
        bad=5,
    ),
    Panel(
        title="Processing time",
        description="p95 of one delivery. Long in the worker: the payment provider; in the notifier: SMTP.",
        unit=Seconds,
        queries=(
            Query(
                quantile(0.95, "messaging_process_duration_seconds", by="messaging_destination_name"),
                "{{messaging_destination_name}}",
                exemplars=True,
            ),
        ),
        warn=1,
        bad=5,
    ),
    Panel(
        title="Deliveries by outcome",
        description="What became of each. Many duplicates: acknowledgements get lost. Others: errors.",
        unit=OpsPerSecond,
        queries=(
            Query(
                rate("messaging_client_consumed_messages_total", by="queue, outcome"),
                "{{outcome}} {{queue}}",
            ),
        ),
    ),
)


def dashboard() -> Dashboard:
    """Return the dashboard of queues: their depths, times, rates, failures, and the outbox before them."""
    rows = (
        Row("Now", tuple(stat(panel) for panel in _NOW)),
        Row("Queues", tuple(chart(panel) for panel in _QUEUES)),
        Row("Times", tuple(chart(panel) for panel in _TIMES)),
        Row("At the broker", tuple(chart(panel) for panel in BROKER)),
        Row("What went wrong", tuple(chart(panel) for panel in FAILURES)),
        Row("Outbox", tuple(chart(panel) for panel in OUTBOX)),
    )
    return page(Page.QUEUES, "Where messages are, how long they wait, what went wrong with them.", rows)
