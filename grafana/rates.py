"""The queues' panels of rates: at the broker, of failures, out of the outbox."""

from grafana_foundation_sdk.models.units import OpsPerSecond, Seconds, Short

from grafana.panels import Panel, Query
from grafana.promql import rate

BROKER = (
    Panel(
        title="Published and confirmed",
        description="Confirmed is what is safe. A gap between the two: the broker is slow, or blocks.",
        unit=OpsPerSecond,
        queries=(
            Query(rate("rabbitmq_global_messages_received_total"), "published"),
            Query(rate("rabbitmq_global_messages_confirmed_total"), "confirmed"),
            Query(rate("rabbitmq_global_messages_unroutable_returned_total"), "returned: no queue"),
        ),
    ),
    Panel(
        title="Delivered and acknowledged",
        description="The two run together. Delivered alone: consumers take messages and do not settle them.",
        unit=OpsPerSecond,
        queries=(
            Query(rate("rabbitmq_global_messages_delivered_total"), "delivered"),
            Query(rate("rabbitmq_global_messages_acknowledged_total"), "acknowledged"),
        ),
    ),
    Panel(
        title="Redelivered",
        description="Given back, or taken from a consumer that died. A steady rate: one crashes again.",
        unit=OpsPerSecond,
        queries=(Query(rate("rabbitmq_global_messages_redelivered_total"), "redelivered"),),
        warn=0.1,
        bad=1,
    ),
)

FAILURES = (
    Panel(
        title="Retries",
        description="By the error's name. payment_unavailable: the provider; connection: Redis or SMTP.",
        unit=OpsPerSecond,
        queries=(Query(rate("consumer_retries_total", by="queue, reason"), "{{reason}} {{queue}}"),),
        warn=0.1,
        bad=1,
    ),
    Panel(
        title="Dead letters by reason",
        description="retries_exhausted: repair the cause, then replay. Others: a producer is wrong.",
        unit=OpsPerSecond,
        queries=(Query(rate("dead_letters_total", by="queue, reason"), "{{reason}} {{queue}}"),),
        warn=0.01,
        bad=0.1,
    ),
    Panel(
        title="Repaired by hand and by the sweeper",
        description="Swept orders had lost their message: find out where. Replays should not come back.",
        unit=OpsPerSecond,
        queries=(
            Query(rate("dead_letters_handled_total", by="action"), "dead letters {{action}}"),
            Query(rate("orders_swept_total", by="outcome"), "orders swept: {{outcome}}"),
        ),
    ),
)

OUTBOX = (
    Panel(
        title="Outbox entries",
        description="Accepted, not yet with the broker. Near 0 when well; past its bound, POST answers 503.",
        unit=Short,
        queries=(Query("max by (job) (outbox_entries)", "{{job}}"),),
        warn=100,
        bad=1000,
    ),
    Panel(
        title="Age of the oldest entry",
        description="Rising by 1 s a second: nothing is published. For one service only: its relay.",
        unit=Seconds,
        queries=(Query("max by (job) (outbox_oldest_age_seconds)", "{{job}}"),),
        warn=5,
        bad=30,
    ),
    Panel(
        title="Sent from the outbox",
        description="By event. With an error's name: those entries stay in the outbox, and go again.",
        unit=OpsPerSecond,
        queries=(
            Query(
                rate("messaging_client_sent_messages_total", by="messaging_destination_name, error_type"),
                "{{messaging_destination_name}} {{error_type}}",
            ),
        ),
    ),
)
