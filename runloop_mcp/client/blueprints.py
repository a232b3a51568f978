"""Blueprints."""

from typing import Final

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.blueprint import (
    BUILD_ENDED,
    BlueprintListParams,
    BlueprintLogs,
    BlueprintParams,
    BlueprintView,
)
from runloop_mcp.client.ask import Ask, place
from runloop_mcp.client.bodies import body_of, query_of
from runloop_mcp.client.calls import Calls
from runloop_mcp.client.long_polls import looked_at

_ALL: Final = "/v1/blueprints"
_ONE: Final = "/v1/blueprints/{}"


class BlueprintCalls(Calls):
    """Blueprints of the API."""

    async def create(self, params: BlueprintParams, *, request_id: str | None = None) -> BlueprintView:
        """Keeps one and begins to build it."""
        return await self._post(BlueprintView, _ALL, body_of(params), request_id=request_id)

    async def retrieve(self, blueprint_id: str) -> BlueprintView:
        """One blueprint."""
        return await self._get(BlueprintView, place(_ONE, blueprint_id))

    async def wait(self, blueprint_id: str, *, wait_seconds: float) -> BlueprintView:
        """The blueprint, once its build has ended or the wait is over."""
        return await looked_at(
            lambda: self.retrieve(blueprint_id), wanted=lambda seen: seen.status in BUILD_ENDED, seconds=wait_seconds
        )

    async def list(self, params: BlueprintListParams) -> Page[BlueprintView]:
        """One page of blueprints, newest first."""
        return await self._page(BlueprintView, _ALL, "blueprints", query_of(params))

    async def logs(self, blueprint_id: str) -> BlueprintLogs:
        """What its build has said."""
        return await self._get(BlueprintLogs, place(_ONE + "/logs", blueprint_id))

    async def delete(self, blueprint_id: str) -> None:
        """Deletes it."""
        await self._wire.send(Ask("POST", place(_ONE + "/delete", blueprint_id), {}))
