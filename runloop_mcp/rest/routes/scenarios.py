"""Scenarios, and the start of their runs."""

from typing import Final

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.scenario import ScenarioCreateParams, ScenarioListParams, ScenarioUpdateParams, ScenarioView
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post

_TAG: Final = "scenarios"


async def list_(call: Call, query: ScenarioListParams) -> Page[ScenarioView]:
    """Lists scenarios that can be started."""
    return await call.backend.scenarios.list(query)


async def create(call: Call, body: ScenarioCreateParams) -> ScenarioView:
    """Creates a scenario."""
    return await call.backend.scenarios.create(body, idempotency_key=call.idempotency_key)


async def retrieve(call: Call, scenario_id: str) -> ScenarioView:
    """Retrieves a scenario."""
    return await call.backend.scenarios.retrieve(scenario_id)


async def update(call: Call, scenario_id: str, body: ScenarioUpdateParams) -> ScenarioView:
    """Updates a scenario."""
    return await call.backend.scenarios.update(scenario_id, body)


ROUTES: Final = (
    get("/v1/scenarios", _TAG, list_, items="scenarios"),
    post("/v1/scenarios", _TAG, create),
    get("/v1/scenarios/{scenario_id}", _TAG, retrieve),
    post("/v1/scenarios/{scenario_id}", _TAG, update),
)
