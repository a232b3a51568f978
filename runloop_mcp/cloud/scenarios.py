"""Scenarios over the wire, and starting runs of them."""

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.groups.scenarios import Scenarios
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    ScenarioCreateParams,
    ScenarioListParams,
    ScenarioUpdateParams,
    ScenarioView,
)
from runloop_mcp.cloud.context import CloudContext
from runloop_mcp.cloud.keys import request_id, used_once
from runloop_mcp.cloud.run_details import RunDetailsSource


class CloudScenarios(Scenarios):
    """Scenarios of the cloud."""

    def __init__(self, cloud: CloudContext, details: RunDetailsSource) -> None:
        self._cloud = cloud
        self._calls = cloud.client.scenarios
        self._details = details

    async def create(self, params: ScenarioCreateParams, *, idempotency_key: str | None = None) -> ScenarioView:
        """See `Scenarios.create`."""
        await self._cloud.scenarios.required()
        with used_once(idempotency_key):
            return await self._calls.create(params, request_id=request_id(idempotency_key))

    async def retrieve(self, scenario_id: str) -> ScenarioView:
        """See `Scenarios.retrieve`."""
        await self._cloud.scenarios.required()
        return await self._calls.retrieve(scenario_id)

    async def update(self, scenario_id: str, params: ScenarioUpdateParams) -> ScenarioView:
        """See `Scenarios.update`."""
        await self._cloud.scenarios.required()
        return await self._calls.update(scenario_id, params)

    async def list(self, params: ScenarioListParams) -> Page[ScenarioView]:
        """See `Scenarios.list`. Tags are looked for in each page where the server does not do it."""
        await self._cloud.scenarios.required()
        page = await self._calls.list(params)
        wanted = {tag.casefold() for tag in params.tags or ()}
        items = [each for each in page.items if wanted <= {tag.casefold() for tag in _tags(each)}]
        return page if len(items) == len(page.items) else page.model_copy(update={"items": items})

    async def archive(self, scenario_id: str) -> ScenarioView:
        """See `Scenarios.archive`."""
        await self._cloud.scenarios.required()
        return await self._calls.archive(scenario_id)

    async def unarchive(self, scenario_id: str) -> ScenarioView:
        """See `Scenarios.unarchive`."""
        await self._cloud.scenarios.required()
        return await self._calls.unarchive(scenario_id)

    async def start_run(
        self, params: StartRunParams, *, principal: Principal = LOCAL_OPERATOR, idempotency_key: str | None = None
    ) -> ScenarioRunView:
        """See `Scenarios.start_run`."""
        await self._cloud.scenarios.required()
        with used_once(idempotency_key):
            run = await self._calls.start_run(params, request_id=request_id(idempotency_key, principal))
        run = await self._details.started(run, principal)
        await self._cloud.sightings.run(run, "start_run")
        return run


def _tags(scenario: ScenarioView) -> list[str]:
    return [tag.strip() for tag in scenario.metadata.get("tags", "").split(",") if tag.strip()]
