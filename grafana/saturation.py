"""The overview's panels of what is full and what is waiting."""

from grafana_foundation_sdk.models.units import OpsPerSecond, PercentUnit, Seconds, Short

from grafana.links import Page
from grafana.panels import Panel, Query
from grafana.promql import OURS, quantile, rate, share_of_core

FULL = (
    Panel(
        title="CPU by service",
        description="Cores taken by the busiest process; one each. Near 1, work waits: add processes.",
        unit=PercentUnit,
        queries=(Query(share_of_core(OURS, "job"), "{{job}}"),),
        warn=0.7,
        bad=0.95,
        more=Page.SERVICE,
    ),
    Panel(
        title="Event-loop lag p99",
        description="How late timers run. High with low CPU: something blocks. High with high CPU: overload.",
        unit=Seconds,
        queries=(Query(quantile(0.99, "event_loop_lag_seconds", OURS, by="job"), "{{job}}"),),
        warn=0.05,
        bad=0.25,
        more=Page.SERVICE,
    ),
    Panel(
        title="Outbox entries",
        description="Accepted, not yet with the broker. Near 0 when well; past its bound, POST answers 503.",
        unit=Short,
        queries=(Query("max by (job) (outbox_entries)", "{{job}}"),),
        warn=100,
        bad=1000,
        more=Page.QUEUES,
    ),
)

WAITING = (
    Panel(
        title="Queue depth",
        description="Messages ready. A work queue that keeps growing needs workers; a .dlq needs a person.",
        unit=Short,
        queries=(Query("sum by (queue) (rabbitmq_detailed_queue_messages_ready)", "{{queue}}"),),
        warn=100,
        bad=1000,
        more=Page.QUEUES,
    ),
    Panel(
        title="Processing time by queue",
        description="p95 of one message. Long in the worker: the payment provider; in the notifier: SMTP.",
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
        title="Retries and dead letters",
        description="Retries alone: something outside is shaky. Dead letters were given up: act on each.",
        unit=OpsPerSecond,
        queries=(
            Query(rate("consumer_retries_total", by="queue"), "retry {{queue}}"),
            Query(rate("dead_letters_total", by="queue"), "dead letter {{queue}}"),
        ),
        warn=0.1,
        bad=1,
        more=Page.QUEUES,
    ),
)
