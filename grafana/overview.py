"""The first dashboard to open: is the system well, and if not, which part of it is to blame?"""

from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.units import OpsPerSecond, PercentUnit, RequestsPerSecond, Seconds, Short

from grafana.layout import Row, page
from grafana.panels import Panel, Query, chart, stat
from grafana.promql import USER_ROUTES, quantile, rate, ratio

_HTTP = "http_server_request_duration_seconds"
_REQUESTS = rate(f"{_HTTP}_count", USER_ROUTES)
_FAILED = rate(f"{_HTTP}_count", f'{USER_ROUTES}, http_response_status_code=~"5.."')
_REFUSED = rate(f"{_HTTP}_count", f'{USER_ROUTES}, http_response_status_code=~"4.."')
_ROUTE_AND_STATUS = "http_request_method, http_route, http_response_status_code"
_SETTLED = "order_accept_to_settled_seconds"


def _quantiles(histogram: str, labels: str = "") -> tuple[Query, ...]:
    """Return p50, p95 and p99; one of them brings the exemplars, which are the same for all."""
    return (
        Query(quantile(0.5, histogram, labels), "p50"),
        Query(quantile(0.95, histogram, labels), "p95"),
        Query(quantile(0.99, histogram, labels), "p99", exemplars=True),
    )


_VITAL_SIGNS = (
    Panel(
        title="Orders accepted",
        description="How busy the system is. Zero while clients are there: they cannot reach it.",
        unit=OpsPerSecond,
        queries=(Query(rate("orders_accepted_total", 'outcome="new"'), "accepted"),),
    ),
    Panel(
        title="Requests that failed",
        description="Share of requests answered 5xx. Red: Redis is away or the outbox is full (see /ready).",
        unit=PercentUnit,
        queries=(Query(ratio(_FAILED, _REQUESTS), "5xx"),),
        warn=0.001,
        bad=0.01,
    ),
    Panel(
        title="Request p95",
        description="What the slowest 5 % wait at least. An accept is one Redis trip: 0.1 s is long.",
        unit=Seconds,
        queries=(Query(quantile(0.95, _HTTP, USER_ROUTES), "p95"),),
        warn=0.1,
        bad=0.5,
    ),
    Panel(
        title="Accepted to settled p95",
        description="Slow with empty queues: the payment provider. Slow with full ones: too few workers.",
        unit=Seconds,
        queries=(Query(quantile(0.95, _SETTLED), "p95"),),
        warn=2,
        bad=5,
    ),
    Panel(
        title="Oldest outbox entry",
        description="How long an event waits for the broker. Grows with the clock while RabbitMQ is away.",
        unit=Seconds,
        queries=(Query("max(outbox_oldest_age_seconds)", "oldest"),),
        warn=5,
        bad=30,
    ),
    Panel(
        title="Dead letters waiting",
        description="Nobody will process these until an operator replays or discards them. Keep it at 0.",
        unit=Short,
        queries=(Query('sum(rabbitmq_detailed_queue_messages_ready{queue=~".*[.]dlq"})', "waiting"),),
        warn=1,
        bad=10,
    ),
)

_CLIENTS = (
    Panel(
        title="Requests by route and status",
        description="Who asks for what and gets what. 429: rate limiter; other 4xx: clients; 5xx: ourselves.",
        unit=RequestsPerSecond,
        queries=(
            Query(
                rate(f"{_HTTP}_count", USER_ROUTES, by=_ROUTE_AND_STATUS),
                "{{http_response_status_code}} {{http_request_method}} {{http_route}}",
            ),
        ),
    ),
    Panel(
        title="Errors",
        description="Failed (5xx) is our fault, refused (4xx) the client's. The limits are for failed.",
        unit=PercentUnit,
        queries=(Query(ratio(_FAILED, _REQUESTS), "failed"), Query(ratio(_REFUSED, _REQUESTS), "refused")),
        warn=0.001,
        bad=0.01,
    ),
    Panel(
        title="Request duration",
        description="A dot is a request: click it for its trace. p99 far above p50 means waiting, not work.",
        unit=Seconds,
        queries=_quantiles(_HTTP, USER_ROUTES),
        warn=0.1,
        bad=0.5,
    ),
)

_ORDERS = (
    Panel(
        title="Orders by status",
        description="Accepted and settled run together. A gap that stays is a backlog: see the queues.",
        unit=OpsPerSecond,
        queries=(
            Query(rate("orders_accepted_total", 'outcome="new"'), "accepted"),
            Query(rate("orders_settled_total", by="status"), "{{status}}"),
        ),
    ),
    Panel(
        title="Accepted to settled",
        description="From 202 to done or failed. Steps of 1, 5, 30 s are retries; a dot opens its trace.",
        unit=Seconds,
        queries=_quantiles(_SETTLED),
        warn=2,
        bad=5,
    ),
    Panel(
        title="Retries and dead letters",
        description="Retries alone: something outside is shaky. Dead letters were given up: act on each.",
        unit=OpsPerSecond,
        queries=(
            Query(
                rate("consumer_retries_total", by="queue, reason"),
                "retry {{queue}}: {{reason}}",
            ),
            Query(
                rate("dead_letters_total", by="queue, reason"),
                "dead {{queue}}: {{reason}}",
            ),
        ),
        warn=0.1,
        bad=1,
    ),
)

_WAITING = (
    Panel(
        title="Queue depth",
        description="Messages ready. A work queue that keeps growing needs workers; a .dlq needs a person.",
        unit=Short,
        queries=(Query("sum by (queue) (rabbitmq_detailed_queue_messages_ready)", "{{queue}}"),),
        warn=100,
        bad=1000,
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
        title="Outbox entries",
        description="Accepted, not yet with the broker. Near 0 when well; past its bound, POST answers 503.",
        unit=Short,
        queries=(Query("max by (job) (outbox_entries)", "{{job}}"),),
        warn=100,
        bad=1000,
    ),
)


def dashboard() -> Dashboard:
    """Return the overview: vital signs, then what clients, orders and queues see."""
    rows = (
        Row("Vital signs", tuple(stat(panel) for panel in _VITAL_SIGNS)),
        Row("What clients see", tuple(chart(panel) for panel in _CLIENTS)),
        Row("What becomes of orders", tuple(chart(panel) for panel in _ORDERS)),
        Row("What is waiting", tuple(chart(panel) for panel in _WAITING)),
    )
    return page("orderscope-overview", "Overview", "Orderscope at a glance: start here.", rows)
