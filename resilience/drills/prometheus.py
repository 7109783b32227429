"""Queries to Prometheus: the waits of its rules, which alerts are active, the value of a panel."""

import json
import math
from typing import Any

import httpx2

from resilience.drills.catalogue import Alert, Panel
from stack.errors import StackError, reason
from stack.layout import ROOT

DASHBOARDS = ROOT / "grafana" / "dashboards"
RATE_INTERVAL = "20s"
"""The value of Grafana's `$__rate_interval` for a scrape every 5 s."""
QUICK_SECONDS = 10
FRESH_SECONDS = 30
"""Rules are evaluated every few seconds."""


async def quick(client: httpx2.AsyncClient, url: str) -> bool:
    """Return whether the waits of its rules are seconds instead of minutes (`DRILL_FAST=1`).

    Raises:
        StackError: Prometheus does not answer, or has no rules.
    """
    try:
        answer = (await client.get(f"{url}/api/v1/rules", params={"type": "alert"})).json()
    except httpx2.HTTPError as error:
        raise StackError(f"no answer from Prometheus at {url}: {reason(error)}") from error
    waits = [rule["duration"] for group in answer["data"]["groups"] for rule in group["rules"]]
    if not waits:
        raise StackError(f"Prometheus at {url} has no alert rules")
    return bool(max(waits) < QUICK_SECONDS)


async def active(client: httpx2.AsyncClient, prometheus: str, alert: Alert, *states: str) -> bool:
    """Return whether an alert is in one of these states: `pending`, `firing`."""
    labels = {"alertname": alert.name, "severity": alert.severity, **alert.labels}
    matchers = [f'alertstate=~"{"|".join(states)}"', *(f'{name}="{value}"' for name, value in labels.items())]
    series = f"ALERTS{{{', '.join(matchers)}}}"
    # The last sample of a Prometheus that was stopped counts for another minute.
    query = f"{series} and time() - timestamp({series}) < {FRESH_SECONDS}"
    return bool(await _series(client, prometheus, query))


async def value(client: httpx2.AsyncClient, prometheus: str, panel: Panel) -> float | None:
    """Return the value by which a panel shows the fault; None when it does not."""
    for expression in expressions(panel):
        for labels, shown in await _series(client, prometheus, expression):
            if not math.isnan(shown) and panel.shows(labels, shown):
                return shown
    return None


async def _series(
    client: httpx2.AsyncClient, prometheus: str, expression: str
) -> list[tuple[dict[str, str], float]]:
    answer = await client.get(f"{prometheus}/api/v1/query", params={"query": expression})
    answer.raise_for_status()
    return [(one["metric"], float(one["value"][1])) for one in answer.json()["data"]["result"]]


def expressions(panel: Panel) -> list[str]:
    """Return a panel's PromQL, as Grafana would send it.

    Raises:
        KeyError: There is no such panel.
    """
    document: Any = json.loads((DASHBOARDS / f"{panel.dashboard}.json").read_text(encoding="utf-8"))
    for one in document["panels"]:
        if one.get("title") == panel.title:
            found = [target["expr"].replace("$__rate_interval", RATE_INTERVAL) for target in one["targets"]]
            return [expression.replace("$service", panel.service) for expression in found]
    raise KeyError(f"dashboard {panel.dashboard} has no panel {panel.title}")
