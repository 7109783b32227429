"""Every expression of panels and rules has data within a minute of the start, and names only what exists."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from time import monotonic
from typing import Any

import httpx2
import pytest

from stack import state
from stack.layout import Layout
from tests.e2e.conftest import CERTAIN
from tests.e2e.rules import EXPRESSIONS, ONLY_IN_TROUBLE, with_data
from tests.panels import MODELS, SERVICES, expressions
from tests.promql import names
from tests.running import Endpoints, running_stack
from tests.servers import eventually

pytestmark = pytest.mark.timeout(180)

ALIVE_SECONDS = 60
PAUSE_SECONDS = 0.2
TOKENS = ("tok_visa", "tok_visa", "tok_declined", "tok_visa", "tok_flaky")
ORDER = {
    "customer": {"name": "Ada", "email": "ada@example.com"},
    "items": [{"sku": "espresso-beans", "quantity": 1}],
}
ASKED = expressions()


@dataclass(frozen=True, slots=True)
class Watched:
    """A stack that has just started, under a little load."""

    client: httpx2.AsyncClient
    endpoints: Endpoints
    services: dict[str, str]
    deadline: float
    """In the time of `monotonic`."""
    known: dict[str, set[str]] = field(default_factory=dict)
    """Labels of metrics that were looked up."""

    async def ask(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - as varied as the API
        """Return the data of a request to Prometheus; an expression that it refuses is an error."""
        address = f"{self.endpoints['prometheus']}/api/v1/{path}"
        response = await self.client.get(address, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    async def labels(self, metric: str) -> set[str]:
        """Return the labels of a metric, also those that are empty, which Prometheus leaves out."""
        if not self.known.get(metric):
            self.known[metric] = await self._labels(metric)
        return self.known[metric]

    async def _labels(self, metric: str) -> set[str]:
        series = await self.ask("series", **{"match[]": metric or '{__name__!=""}'})
        found = {label for one in series for label in one}
        for address in self.services.values():
            text = (await self.client.get(f"{address}/metrics")).text
            for labels in re.findall(rf"^{metric}{{(.*)}} ", text, re.MULTILINE):
                found.update(re.findall(r'(\w+)="', labels))
        return found


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Return the files of a stack of its own: how long others have been running says nothing."""
    return Layout(tmp_path_factory.mktemp("dashboards"))


@pytest.fixture(scope="module")
def started(layout: Layout) -> Iterator[tuple[Endpoints, float]]:
    """Start everything; return where it is, and when it was started."""
    with running_stack(layout.run_dir, environment=CERTAIN) as endpoints:
        yield endpoints, monotonic()


@pytest.fixture(scope="module")
async def watched(started: tuple[Endpoints, float], layout: Layout) -> AsyncIterator[Watched]:
    """Place an order five times a second, and look at one, while the tests look at the panels."""
    endpoints, began = started
    current = state.load(layout)
    assert current is not None
    services = {name: f"http://127.0.0.1:{getattr(current.ports, name)}" for name in SERVICES}
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client, load(client, endpoints["api"]):
        yield Watched(client, endpoints, services, began + ALIVE_SECONDS)


@asynccontextmanager
async def load(client: httpx2.AsyncClient, api: str) -> AsyncIterator[None]:
    """Place and read orders while the block runs."""

    async def orders() -> None:
        for token in cycle(TOKENS):
            placed = await client.post(f"{api}/v1/orders", json={**ORDER, "payment": {"token": token}})
            await client.get(f"{api}{placed.headers['location']}")
            await asyncio.sleep(PAUSE_SECONDS)

    task = asyncio.create_task(orders())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):  # any other end is why panels were empty
            await task


@pytest.mark.parametrize("name", ASKED)
async def test_panel_has_data_within_a_minute_of_the_start(watched: Watched, name: str) -> None:
    """A value that is a number, in at least one series."""
    await has_data(watched, ASKED[name])


@pytest.mark.parametrize("selector", with_data())
async def test_rules_have_data_within_a_minute_of_the_start(watched: Watched, selector: str) -> None:
    """All that they select and, unless that takes trouble, what they record."""
    await has_data(watched, selector)


async def has_data(watched: Watched, expression: str) -> None:
    """Wait, until a minute after the start, for a value that is a number."""

    async def look() -> bool:
        data = await watched.ask("query", query=expression)
        return any(one["value"][1] != "NaN" for one in data["result"])

    await eventually(look, seconds=max(1.0, watched.deadline - monotonic()))


@pytest.mark.parametrize("name", EXPRESSIONS)
async def test_rule_can_be_evaluated_and_names_only_what_exists(watched: Watched, name: str) -> None:
    """By a real Prometheus, over what is really there."""
    assert (await watched.ask("query", query=EXPRESSIONS[name]))["resultType"] == "vector"
    await names_only_what_exists(watched, EXPRESSIONS[name])


async def test_prometheus_finds_no_rule_wrong(watched: Watched) -> None:
    """As it evaluates them: several series of one name, for example, are an error only then."""

    async def evaluated() -> list[dict[str, Any]] | None:
        groups = (await watched.ask("rules"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else None

    rules = await eventually(evaluated, seconds=max(1.0, watched.deadline - monotonic()))
    assert len(rules) == len(EXPRESSIONS)
    assert [rule for rule in rules if rule["health"] != "ok"] == []


@pytest.mark.parametrize("name", ASKED)
async def test_panel_names_only_metrics_and_labels_that_exist(watched: Watched, name: str) -> None:
    """A label that is misspelt matches nothing or everything, and says nothing."""
    await names_only_what_exists(watched, ASKED[name])


async def names_only_what_exists(watched: Watched, expression: str) -> None:
    """Hold an expression's metrics and labels to those that are there."""
    named = names(expression)
    for metric in named.selected.keys() & ONLY_IN_TROUBLE:
        del named.selected[metric]
    known = {metric: await watched.labels(metric) for metric in named.selected}
    assert all(known.values()), f"no such metric: {[metric for metric in known if not known[metric]]}"
    for metric, labels in named.selected.items():
        assert labels <= known[metric], f"{metric} has no {labels - known[metric]}"
    assert named.grouped <= set().union(*known.values())


async def test_the_choice_of_services_is_complete(watched: Watched) -> None:
    """The variable of the dashboard of a service offers each, and nothing else."""
    [variable] = MODELS["service.json"]["templating"]["list"]
    match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
    assert match is not None

    async def look() -> bool:
        values = await watched.ask(f"label/{match[2]}/values", **{"match[]": match[1]})
        return bool(set(values) == set(SERVICES))

    await eventually(look, seconds=max(1.0, watched.deadline - monotonic()))


async def test_what_charts_show_of_alerts_can_be_asked(watched: Watched) -> None:
    """The expression is one that Prometheus takes; while all is well it has no series."""
    [alerts] = MODELS["overview.json"]["annotations"]["list"]
    assert (await watched.ask("query", query=alerts["expr"]))["resultType"] == "vector"
