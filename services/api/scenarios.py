"""The operators' routes under `/v1/scenarios`: faults to look at, switched on for a while, and off."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from services.api.dependencies import Dependency
from services.api.problems import ProblemError, documented
from services.common.scenarios import MAX_SECONDS, Switches

log = structlog.get_logger(__name__)

DEFAULT_SECONDS = 900.0

SCENARIOS: Mapping[str, str] = {
    "payment-slow": "The payment provider takes 8 s for each charge.",
    "payment-errors": "The payment provider is unavailable twice for each order, and then pays.",
    "payment-hang": "The payment provider never answers; a delivery's deadline (30 s) ends the wait.",
    "smtp-down": "The mail server takes no emails.",
    "poison-messages": "Beside each order's event the api publishes one that nobody can read.",
    "duplicate-messages": "The api publishes each order's event twice.",
    "consumer-stopped": "The worker takes no more messages; it lives and answers otherwise.",
    "blocking-handler": "Placing an order computes for 0.4 s on the api's event loop.",
    "memory-leak": "Placing an order leaves 256 KiB behind in the api, up to 150 MiB.",
    "cache-stampede": "Whenever an order is read, it has just expired in the api's cache.",
    "broker-down": "No service reaches RabbitMQ.",
    "traffic-spike": "Each request counts as 500 against its client's limit.",
}
"""What there is, and what it does."""


class Scenario(BaseModel):
    """A named fault."""

    name: str = Field(examples=["payment-slow"])
    description: str
    on: bool
    until: str | None = Field(description="When it ends by itself: RFC 3339 time, UTC.")


class ScenarioList(BaseModel):
    """All of them."""

    items: list[Scenario]


def scenarios_router(switches: Switches, before: Sequence[Dependency]) -> APIRouter:
    """Return the routes, each behind what has to let a request pass: the rate limit, the operator token."""
    router = APIRouter(
        prefix="/v1/scenarios",
        tags=["scenarios"],
        dependencies=[Depends(dependency) for dependency in before],
        responses=documented(401, 422, 429, 500, 503),
    )
    _all(router, switches)
    _one(router, switches)
    return router


def _all(router: APIRouter, switches: Switches) -> None:
    @router.get("")
    async def list_scenarios() -> ScenarioList:
        """Return all scenarios, and which are on."""
        ends = await switches.ends()
        return ScenarioList(items=[_scenario(name, ends.get(name)) for name in SCENARIOS])

    @router.delete("")
    async def clear_scenarios() -> ScenarioList:
        """Switch every scenario off."""
        await switches.off(*SCENARIOS)
        log.warning("scenarios cleared")
        return ScenarioList(items=[_scenario(name, None) for name in SCENARIOS])


def _one(router: APIRouter, switches: Switches) -> None:
    @router.put("/{name}", responses=documented(404))
    async def switch_scenario_on(
        name: Annotated[str, Depends(known)],
        seconds: Annotated[float, Query(ge=1, le=MAX_SECONDS, allow_inf_nan=False)] = DEFAULT_SECONDS,
    ) -> Scenario:
        """Switch a scenario on, for so many seconds from now; services follow within a second."""
        await switches.on(name, seconds)
        log.warning("scenario switched on", scenario=name, seconds=seconds)
        return _scenario(name, (await switches.ends()).get(name))

    @router.delete("/{name}", responses=documented(404))
    async def switch_scenario_off(name: Annotated[str, Depends(known)]) -> Scenario:
        """Switch a scenario off."""
        await switches.off(name)
        log.warning("scenario switched off", scenario=name)
        return _scenario(name, None)


def known(name: Annotated[str, Path(examples=["payment-slow"])]) -> str:
    """Return the name of a scenario that there is."""
    if name not in SCENARIOS:
        raise ProblemError(404, "not-found", f"the scenarios are {', '.join(SCENARIOS)}")
    return name


def _scenario(name: str, ends: float | None) -> Scenario:
    until = datetime.fromtimestamp(ends, UTC).isoformat(timespec="seconds") if ends else None
    return Scenario(name=name, description=SCENARIOS[name], on=ends is not None, until=until)
