"""The data sources by their fixed uids, and queries in their languages."""

from typing import Any

from grafana_foundation_sdk.builders import loki, prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
JAEGER = DataSourceRef(type_val="jaeger", uid="jaeger")
LOKI = DataSourceRef(type_val="loki", uid="loki")


def promql(expr: str, legend: str, *, exemplars: bool = False) -> prometheus.Dataquery:
    """Return a query over the dashboard's time, and the legend of its series."""
    query = prometheus.Dataquery().datasource(PROMETHEUS).expr(expr).legend_format(legend)
    return query.exemplar(exemplars).range()


def promql_now(expr: str) -> prometheus.Dataquery:
    """Return a query of the values at the end of the dashboard's time, as a table."""
    query = prometheus.Dataquery().datasource(PROMETHEUS).expr(expr).ref_id("A")
    return query.instant().format(PromQueryFormat.TABLE)


def buckets(expr: str) -> prometheus.Dataquery:
    """Return a query of a histogram's buckets, by `le`, for a heat map."""
    query = prometheus.Dataquery().datasource(PROMETHEUS).expr(expr).legend_format("{{le}}")
    return query.format(PromQueryFormat.HEATMAP).exemplar(exemplar=True).range()


def logql(expr: str, *, instant: bool = False) -> loki.Dataquery:
    """Return a query of log lines, or of figures made from them."""
    query = loki.Dataquery().datasource(LOKI).expr(expr).ref_id("A")
    return query.query_type("instant" if instant else "range")


class Jaeger(Builder[Dataquery], Dataquery):
    """A query to Jaeger, for which the SDK has no builder.

    Fields: grafana/grafana, public/app/plugins/datasource/jaeger/types.ts. Without `queryType`, `query` is a
    trace's id; with `search`, `tags` is logfmt.
    """

    def __init__(self, **fields: str | int) -> None:
        """Keep the query's fields."""
        self._fields = fields

    def build(self) -> Dataquery:
        """Return the query, which is its own builder."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the query's JSON model."""
        return {"datasource": JAEGER, "refId": "A", **self._fields}
