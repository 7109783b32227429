"""Every expression of panels and rules has data within a minute of the start, and names only what exists."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from time import monotonic
from typing import Any, TypeVar

import httpx2
import pytest

from stack.layout import Layout
from tests.e2e.conftest import CERTAIN
from tests.e2e.senders import order_of
from tests.panels import MODELS, RULES, SERVICES, expressions
from tests.promql import names, selectors
from tests.running import address, running_stack
from tests.servers import eventually

pytestmark = pytest.mark.timeout(180)

ALIVE_SECONDS = 60
PAUSE_SECONDS = 0.2
TOKENS = ("tok_visa", "tok_visa", "tok_declined", "tok_visa", "tok_flaky")
ASKED = expressions()
MAY_BE_ABSENT = {"slo:burning", "service:gone", "ALERTS"}
"""Series that are there while a budget burns, a replica is missed or an alert fires, and not else."""
EVALUATED = {
    f"{number} {rule.get('alert') or rule['record']}": rule["expr"] for number, rule in enumerate(RULES)
}
T = TypeVar("T")


def with_data() -> set[str]:
    """Return every selector of the rules and what they record; an alert has no series while all is well."""
    asked = {one for text in EVALUATED.values() for one in selectors(text)}
    asked |= {rule["record"] for rule in RULES if "record" in rule}
    return {one for one in asked if one.partition("{")[0] not in MAY_BE_ABSENT}


[FIRING] = MODELS["overview.json"]["annotations"]["list"]
ALL = {**ASKED, **EVALUATED, "alerts in charts": FIRING["expr"]}
FILLED = {**ASKED, **{one: one for one in sorted(with_data())}}


@dataclass(frozen=True, slots=True)
class Watched:
    """A stack that has just started, under a little load."""

    client: httpx2.AsyncClient
    prometheus: str
    metrics: list[str]
    """Where each service shows its metrics."""
    deadline: float
    """In the time of `monotonic`."""
    known: dict[str, set[str]] = field(default_factory=dict)
    """Labels of metrics that were looked up."""

    async def ask(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - as varied as the API
        """Return the data of a request to Prometheus; an expression that it refuses is an error."""
        response = await self.client.get(f"{self.prometheus}/api/v1/{path}", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    async def labels(self, metric: str) -> set[str]:
        """Return the labels of a metric, also those that are empty, which Prometheus leaves out."""
        if not self.known.get(metric):
            series = await self.ask("series", **{"match[]": metric or '{__name__!=""}'})
            found = {label for one in series for label in one}
            for text in [(await self.client.get(address)).text for address in self.metrics]:
                for labels in re.findall(rf"^{metric}{{(.*)}} ", text, re.MULTILINE):
                    found.update(re.findall(r'(\w+)="', labels))
            self.known[metric] = found
        return self.known[metric]

    async def eventually(self, look: Callable[[], Awaitable[T | None]]) -> T:
        """Look until there is something, at most until a minute after the start."""
        return await eventually(look, seconds=max(1.0, self.deadline - monotonic()))


@pytest.fixture(scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """Start a stack, since how long others have been running says nothing, and put it under a little load."""
    layout = Layout(tmp_path_factory.mktemp("dashboards"))
    with running_stack(layout.run_dir, environment=CERTAIN) as endpoints:
        deadline = monotonic() + ALIVE_SECONDS
        metrics = [f"{address(layout, name)}/metrics" for name in SERVICES]
        async with httpx2.AsyncClient(timeout=10, trust_env=False) as client, load(client, endpoints["api"]):
            yield Watched(client, endpoints["prometheus"], metrics, deadline)


@asynccontextmanager
async def load(client: httpx2.AsyncClient, api: str) -> AsyncIterator[None]:
    """Place and read an order five times a second while the block runs."""

    async def orders() -> None:
        for token in cycle(TOKENS):
            placed = await client.post(f"{api}/v1/orders", json=order_of(token))
            await client.get(f"{api}{placed.headers['location']}")
            await asyncio.sleep(PAUSE_SECONDS)

    task = asyncio.create_task(orders())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):  # any other end is why panels were empty
            await task


@pytest.mark.parametrize("name", FILLED)
async def test_there_is_data_within_a_minute_of_the_start(watched: Watched, name: str) -> None:
    """A value that is a number, in at least one series."""

    async def look() -> bool:
        data = await watched.ask("query", query=FILLED[name])
        return any(one["value"][1] != "NaN" for one in data["result"])

    await watched.eventually(look)


@pytest.mark.parametrize("name", ALL)
async def test_only_what_exists_is_named(watched: Watched, name: str) -> None:
    """Prometheus evaluates it; a misspelt label would match nothing or everything, and say nothing."""
    assert (await watched.ask("query", query=ALL[name]))["resultType"] in {"vector", "scalar"}
    named = names(ALL[name])
    known = {metric: await watched.labels(metric) for metric in named.selected.keys() - MAY_BE_ABSENT}
    assert all(known.values()), f"no such metric: {[metric for metric in known if not known[metric]]}"
    for metric, labels in known.items():
        assert named.selected[metric] <= labels, f"{metric} has no {named.selected[metric] - labels}"
    assert named.grouped <= set().union(*known.values())


async def test_a_queue_has_one_name_when_its_messages_come_back(watched: Watched) -> None:
    """A retry's exchange and key are others than the first delivery's, its queue is the same."""
    [expression] = {text for text in ASKED.values() if "label_replace" in text}
    retried = 'messaging_process_duration_seconds_count{messaging_destination_name="worker.order-created"}'

    async def queues() -> list[str]:
        found = await watched.ask("query", query=f"({expression}) and on () rate({retried}[20s]) > 0")
        return sorted(one["metric"]["queue"] for one in found["result"])

    assert await watched.eventually(queues) == ["notifier.order-outcome", "worker.order-created"]


async def test_prometheus_finds_no_rule_wrong(watched: Watched) -> None:
    """As it evaluates them: several series of one name, for example, are an error only then."""

    async def evaluated() -> list[dict[str, Any]] | None:
        rules = [rule for group in (await watched.ask("rules"))["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else None

    rules = await watched.eventually(evaluated)
    assert len(rules) == len(RULES)
    assert [rule for rule in rules if rule["health"] != "ok"] == []


async def test_the_choice_of_services_is_complete(watched: Watched) -> None:
    """The variable of the dashboard of a service offers each, and nothing else."""
    [variable] = MODELS["service.json"]["templating"]["list"]
    match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
    assert match is not None

    async def look() -> bool:
        return {*await watched.ask(f"label/{match[2]}/values", **{"match[]": match[1]})} == set(SERVICES)

    await watched.eventually(look)
