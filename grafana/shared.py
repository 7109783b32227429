"""Panels that more than one dashboard shows, and panels of processes for all services or for one."""

from grafana_foundation_sdk.models.units import BytesIEC

from grafana.links import Page
from grafana.panels import Panel, Query, number, percent, seconds
from grafana.promql import WINDOW, quantile, quantile_by_queue

READY = "rabbitmq_detailed_queue_messages_ready"
DEAD = "rabbitmq_detailed_queue_messages"
"""Also of those that an operator looks through, and holds meanwhile."""

OLDEST_OUTBOX_ENTRY = seconds("Oldest outbox entry", (5, 30), Page.QUEUES).shows(
    "How long an accepted event has waited to be published. Grows while RabbitMQ is down.",
    Query("max(outbox_oldest_age_seconds)", "oldest"),
)
OUTBOX_ENTRIES = number("Outbox entries", (100, 1000), Page.QUEUES).shows(
    "Accepted and not yet published. Near 0 when all is well; at the bound, POST answers 503.",
    Query("max by (job) (outbox_entries)", "{{job}}"),
)
READY_BY_QUEUE = number("Ready by queue", (100, 1000), Page.QUEUES).shows(
    "A work queue that keeps growing lacks workers, or they are slow; a .dlq needs an operator.",
    Query(f"sum by (queue) ({READY})", "{{queue}}"),
)
PROCESSING_TIME = seconds("Processing time", (1, 5)).shows(
    "p95 of one delivery. Long in the worker: the payment provider; in the notifier: SMTP.",
    Query(quantile_by_queue(0.95, "messaging_process_duration_seconds"), "{{queue}}", exemplars=True),
)


BY = {"job": " by service", "instance": " by process", "": ""}
"""What the title says of the label that a panel is split by."""


def event_loop_lag(labels: str, by: str = "") -> Panel:
    """Return the lag of the selected processes' event loops, split by a label."""
    return seconds(f"Event-loop lag p99{BY[by]}", (0.05, 0.25), Page.SERVICE).shows(
        "How late timers run. High with low CPU: something blocks. High with high CPU: overload.",
        Query(quantile(0.99, "event_loop_lag_seconds", labels, by), f"{{{{{by}}}}}" if by else "p99"),
    )


def cpu(labels: str, by: str) -> Panel:
    """Return the CPU time of the busiest selected process, split by a label."""
    return percent(f"CPU{BY[by]}", (0.7, 0.95), Page.SERVICE).shows(
        "Share of one core, which is all that a Python process can use. Near 1: add processes.",
        Query(f"max by ({by}) (rate(process_cpu_seconds_total{{{labels}}}[{WINDOW}]))", f"{{{{{by}}}}}"),
    )


def memory(title: str, query: Query) -> Panel:
    """Return the memory of processes."""
    text = "Flat after some minutes is well; a slope that never falls is a leak. Containers end at 256 MiB."
    return Panel(BytesIEC, title, (160 * 1024**2, 224 * 1024**2)).shows(text, query)
