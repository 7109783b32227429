"""The operators' routes for scenarios."""

from typing import Any

import pytest
from fastapi import FastAPI

from services.api.http import http_api
from services.api.problems import MEDIA_TYPE
from services.api.scenarios import SCENARIOS, scenarios_router
from services.common.scenarios import Switches
from tests.unit.api_app import IDS
from tests.unit.asgi import call, http_scope


class Hash(dict[str, str]):
    """Stands for Redis, in which there is one hash."""

    async def hgetall(self, _: str) -> dict[str, str]:
        """Return it."""
        return self

    async def hset(self, _: str, name: str, value: str) -> None:
        """Set a field."""
        self[name] = value

    async def hdel(self, _: str, *names: str) -> None:
        """Remove fields."""
        for name in names:
            self.pop(name, None)


def application(**fields: str) -> FastAPI:
    """Return an application with the routes, open to all."""
    redis: Any = Hash(fields)
    return http_api([scenarios_router(Switches(redis), [])], [], version="1", ids=lambda: IDS)


@pytest.fixture
def app() -> FastAPI:
    """Return an application in which everything is off."""
    return application()


async def on(app: FastAPI) -> list[str]:
    """Return the names of those that are on."""
    answer = await call(app, http_scope("GET", "/v1/scenarios"))
    assert [one["name"] for one in answer.json()["items"]] == list(SCENARIOS)
    return [one["name"] for one in answer.json()["items"] if one["on"]]


async def test_a_scenario_is_switched_on_for_a_while_and_off(app: FastAPI) -> None:
    """Each answer says how it stands; doing it twice is no error."""
    for _ in range(2):
        answer = await call(app, http_scope("PUT", "/v1/scenarios/smtp-down"))
        assert (answer.status, answer.json()["on"]) == (200, True)
    assert await on(app) == ["smtp-down"]
    for _ in range(2):
        answer = await call(app, http_scope("DELETE", "/v1/scenarios/smtp-down"))
        assert (answer.status, answer.json()["until"]) == (200, None)
    assert await on(app) == []


async def test_all_are_switched_off_at_once(app: FastAPI) -> None:
    """However many there are."""
    for name in ("smtp-down", "broker-down"):
        await call(app, http_scope("PUT", f"/v1/scenarios/{name}"))
    assert (await call(app, http_scope("DELETE", "/v1/scenarios"))).status == 200
    assert await on(app) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_what_does_not_exist_is_named(app: FastAPI, method: str) -> None:
    """A problem that says which there are."""
    answer = await call(app, http_scope(method, "/v1/scenarios/nonsense"))
    assert (answer.status, answer.header("content-type")) == (404, MEDIA_TYPE)
    assert "payment-slow" in answer.json()["detail"]


@pytest.mark.parametrize("until", ["1e30", "inf", "-inf", "nan", "soon"])
async def test_an_end_that_is_no_time_is_none(until: str) -> None:
    """Whoever wrote it into Redis: the list is shown, and the scenario is off."""
    assert await on(application(**{"smtp-down": until})) == []
