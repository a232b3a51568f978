"""Scenarios, and starting runs of them."""

from typing import Final

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import (
    ScenarioCreateParams,
    ScenarioListParams,
    ScenarioStatus,
    ScenarioUpdateParams,
    ScenarioView,
)
from runloop_mcp.client.ask import place
from runloop_mcp.client.bodies import body_of, query_of
from runloop_mcp.client.calls import Calls

_ALL: Final = "/v1/scenarios"
_ONE: Final = "/v1/scenarios/{}"


class ScenarioCalls(Calls):
    """Scenarios of the API."""

    async def create(self, params: ScenarioCreateParams, *, request_id: str | None = None) -> ScenarioView:
        """Keeps a new scenario."""
        return await self._post(ScenarioView, _ALL, body_of(params), request_id=request_id)

    async def retrieve(self, scenario_id: str) -> ScenarioView:
        """One scenario."""
        return await self._get(ScenarioView, place(_ONE, scenario_id))

    async def update(self, scenario_id: str, params: ScenarioUpdateParams) -> ScenarioView:
        """Replaces parts of it."""
        return await self._post(ScenarioView, place(_ONE, scenario_id), body_of(params))

    async def list(self, params: ScenarioListParams) -> Page[ScenarioView]:
        """One page of scenarios; of public ones alone where `is_public` says so.

        Runloop's wire knows no filter by tags or status; our own server does, and others pass over them.
        """
        path = f"{_ALL}/list_public" if params.is_public else _ALL
        query = query_of(params, without=("status", "is_public"))
        if params.status != ScenarioStatus.ACTIVE:
            query["status"] = params.status or "all"
        if params.is_public is False:
            query["is_public"] = False
        return await self._page(ScenarioView, path, "scenarios", query)

    async def archive(self, scenario_id: str) -> ScenarioView:
        """Takes it out of lists."""
        return await self._post(ScenarioView, place(_ONE + "/archive", scenario_id))

    async def unarchive(self, scenario_id: str) -> ScenarioView:
        """Puts it back."""
        return await self._post(ScenarioView, place(_ONE + "/unarchive", scenario_id))

    async def start_run(self, params: StartRunParams, *, request_id: str | None = None) -> ScenarioRunView:
        """Starts a run; answers while its devbox may still be booting."""
        return await self._post(ScenarioRunView, f"{_ALL}/start_run", body_of(params), request_id=request_id)
