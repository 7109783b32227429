"""The first dashboard to open: is the system well, and if not, which part of it is to blame?"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.layout import Row, page
from grafana.links import Page
from grafana.panels import (
    Query,
    chart,
    heat_map,
    latest,
    number,
    per_second,
    percent,
    quantiles,
    requests,
    seconds,
)
from grafana.promql import DEAD_LETTERS, OURS, USER_ROUTES, WINDOW, quantile, rate, ratio
from grafana.shared import (
    DEAD,
    OLDEST_OUTBOX_ENTRY,
    OUTBOX_ENTRIES,
    PROCESSING_TIME,
    READY_BY_QUEUE,
    cpu,
    event_loop_lag,
)

_HTTP = "http_server_request_duration_seconds"
_REQUESTS = rate(f"{_HTTP}_count", USER_ROUTES)
_FAILED = ratio(rate(f"{_HTTP}_count", f'{USER_ROUTES}, http_response_status_code=~"5.."'), _REQUESTS)
_REFUSED = ratio(rate(f"{_HTTP}_count", f'{USER_ROUTES}, http_response_status_code=~"4.."'), _REQUESTS)
_ROUTE_AND_STATUS = "http_request_method, http_route, http_response_status_code"
_SETTLED = "order_accept_to_settled_seconds"
_ACCEPTED = Query(rate("orders_accepted_total", 'outcome="new"'), "accepted")

_NOW = (
    per_second("Orders accepted").shows(
        "How busy the system is. Zero although there are clients: they cannot reach it.",
        _ACCEPTED,
    ),
    percent("Failed requests", (0.001, 0.01), Page.SLO).shows(
        "Share of requests answered 5xx. Red: Redis is down or the outbox is full (see /ready).",
        Query(_FAILED, "5xx"),
    ),
    seconds("Request p95", (0.1, 0.5)).shows(
        "One request in twenty takes longer. Accepting an order is one Redis call: 0.1 s is long.",
        Query(quantile(0.95, _HTTP, USER_ROUTES), "p95"),
    ),
    seconds("Accepted to settled p95", (2, 5), Page.SLO).shows(
        "Slow with empty queues: the payment provider. Slow with full ones: too few workers.",
        Query(quantile(0.95, _SETTLED), "p95"),
    ),
    OLDEST_OUTBOX_ENTRY,
    number("Dead letters waiting", (1, 10), Page.QUEUES).shows(
        "Nobody will process these until an operator replays or discards them. Keep it at 0.",
        Query(f"sum({DEAD}{{{DEAD_LETTERS}}})", "waiting"),
    ),
)

_HTTP_PANELS = (
    requests("Requests by route and status").shows(
        "Who asks for what and gets what. 429: rate limiter; other 4xx: clients; 5xx: the server.",
        Query(
            rate(f"{_HTTP}_count", USER_ROUTES, by=_ROUTE_AND_STATUS),
            "{{http_response_status_code}} {{http_request_method}} {{http_route}}",
        ),
    ),
    percent("Errors", (0.001, 0.01)).shows(
        "Failed (5xx) is the server's fault, refused (4xx) the client's. The limits are for failed.",
        Query(_FAILED, "failed"),
        Query(_REFUSED, "refused"),
    ),
    seconds("Request duration", (0.1, 0.5)).shows(
        "A dot is a request: click it for its trace. p99 far above p50 means waiting, not work.",
        *quantiles(_HTTP, USER_ROUTES),
    ),
    requests("Order cache").shows(
        "A hit saves a Redis call. Misses only: orders leave the cache before they are read again.",
        Query(rate("order_cache_reads_total", by="result"), "{{result}}"),
    ),
)

_ORDERS = (
    per_second("Orders by status").shows(
        "Accepted and settled run together. A gap is a backlog: see the queues. Late: open after 5 s.",
        _ACCEPTED,
        Query(rate("orders_settled_total", by="status"), "{{status}}"),
        Query(rate("orders_late_total"), "late"),
    ),
    seconds("Accepted to settled", (2, 5)).shows(
        "From 202 to done or failed. Steps of 1, 5, 30 s are retries; a dot opens its trace.",
        *quantiles(_SETTLED),
    ),
)

_SPREAD = seconds("Accepted to settled, distribution", more=Page.FOLLOW).shows(
    "Two bands mean two kinds of orders: the upper one was retried, or waited for a worker.",
    Query(f"sum by (le) (increase({_SETTLED}_bucket[{WINDOW}]))", "{{le}}"),
)

_QUEUES = (
    READY_BY_QUEUE,
    PROCESSING_TIME,
    per_second("Retries and dead letters", (0.1, 1), Page.QUEUES).shows(
        "Only retries: a dependency is unreliable. A dead letter has no retries left: look at each.",
        Query(rate("consumer_retries_total", by="queue"), "retry {{queue}}"),
        Query(rate("dead_letters_total", by="queue"), "dead letter {{queue}}"),
    ),
)


_REDIS_MEMORY = percent("Redis memory", (0.75, 0.85)).shows(
    "Of what it may use. From 75 % on settled orders are forgotten early; full, POST answers 503.",
    Query("max(redis_memory_used_bytes) / (max(redis_memory_max_bytes) > 0)", "used"),
)


def dashboard() -> Dashboard:
    """Return the overview: the most important figures, then requests, orders, processes and queues."""
    saturation = (cpu(OURS, "job"), event_loop_lag(OURS, "job"), OUTBOX_ENTRIES, _REDIS_MEMORY)
    rows = (
        Row("Now", map(latest, _NOW)),
        Row("HTTP requests", (chart(panel, span=12) for panel in _HTTP_PANELS)),
        Row("Orders", (*map(chart, _ORDERS), heat_map(_SPREAD))),
        Row("Saturation", (chart(panel, span=6) for panel in saturation)),
        Row("Queues", map(chart, _QUEUES)),
    )
    return page(Page.OVERVIEW, "Orderscope at a glance: start here.", rows)
