"""The first dashboard to open: is the system well, and if not, which part of it is to blame?"""

from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.models.units import OpsPerSecond, PercentUnit, RequestsPerSecond, Seconds, Short

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import Panel, Query, chart, quantiles, stat
from grafana.promql import (
    DEAD_LETTERS,
    USER_ROUTES,
    distribution,
    quantile,
    rate,
    ratio,
)
from grafana.saturation import FULL, WAITING
from grafana.shapes import heat_map

_HTTP = "http_server_request_duration_seconds"
_REQUESTS = rate(f"{_HTTP}_count", USER_ROUTES)
_FAILED = rate(f"{_HTTP}_count", f'{USER_ROUTES}, http_response_status_code=~"5.."')
_REFUSED = rate(f"{_HTTP}_count", f'{USER_ROUTES}, http_response_status_code=~"4.."')
_ROUTE_AND_STATUS = "http_request_method, http_route, http_response_status_code"
_SETTLED = "order_accept_to_settled_seconds"

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
        more=Page.SLO,
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
        more=Page.SLO,
    ),
    Panel(
        title="Oldest outbox entry",
        description="How long an event waits for the broker. Grows with the clock while RabbitMQ is away.",
        unit=Seconds,
        queries=(Query("max(outbox_oldest_age_seconds)", "oldest"),),
        warn=5,
        bad=30,
        more=Page.QUEUES,
    ),
    Panel(
        title="Dead letters waiting",
        description="Nobody will process these until an operator replays or discards them. Keep it at 0.",
        unit=Short,
        queries=(Query(f"sum(rabbitmq_detailed_queue_messages_ready{{{DEAD_LETTERS}}})", "waiting"),),
        warn=1,
        bad=10,
        more=Page.QUEUES,
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
        queries=quantiles(_HTTP, USER_ROUTES),
        warn=0.1,
        bad=0.5,
    ),
    Panel(
        title="Order cache",
        description="Hits save Redis a trip. Misses alone: orders are lost before they are asked for again.",
        unit=RequestsPerSecond,
        queries=(Query(rate("order_cache_reads_total", by="result"), "{{result}}"),),
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
        queries=quantiles(_SETTLED),
        warn=2,
        bad=5,
    ),
)

_SPREAD = Panel(
    title="Accepted to settled, spread",
    description="Two bands mean two kinds of orders: the upper one was retried, or waited for a worker.",
    unit=Seconds,
    queries=(Query(distribution(_SETTLED), "{{le}}"),),
    more=Page.FOLLOW,
)


def dashboard() -> Dashboard:
    """Return the overview: vital signs, then what clients, orders, processes and queues see."""
    orders = (*(chart(panel) for panel in _ORDERS), heat_map(_SPREAD))
    rows = (
        Row("Vital signs", tuple(stat(panel) for panel in _VITAL_SIGNS)),
        Row("What clients see", tuple(chart(panel) for panel in _CLIENTS)),
        Row("What becomes of orders", orders),
        Row("What is full", tuple(chart(panel) for panel in FULL)),
        Row("What is waiting", tuple(chart(panel) for panel in WAITING)),
    )
    return page(Page.OVERVIEW, "Orderscope at a glance: start here.", rows)
