"""Runs of scenarios."""

from pathlib import Path
from typing import Final

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import RunListParams, ScenarioRunView
from runloop_mcp.client.bodies import query_of
from runloop_mcp.client.calls import Calls
from runloop_mcp.client.wire import Ask, place

_ALL: Final = "/v1/scenarios/runs"
_ONE: Final = "/v1/scenarios/runs/{}"
LONGEST_HOLD: Final = 20.0
"""Seconds for which a server may hold the answer to `score` and `complete`."""


class RunCalls(Calls):
    """Runs of the API."""

    async def retrieve(self, run_id: str) -> ScenarioRunView:
        """One run."""
        return await self._get(ScenarioRunView, place(_ONE, run_id))

    async def list(self, params: RunListParams) -> Page[ScenarioRunView]:
        """One page of runs, newest first."""
        return await self._page(ScenarioRunView, _ALL, "runs", query_of(params))

    async def score(self, run_id: str, *, request_id: str | None = None) -> ScenarioRunView:
        """Begins to score it; the answer may be held until that is done."""
        return await self._move(run_id, "score", request_id)

    async def complete(self, run_id: str, *, request_id: str | None = None) -> ScenarioRunView:
        """Ends it, scored; the answer may be held until it is."""
        return await self._move(run_id, "complete", request_id)

    async def cancel(self, run_id: str, *, request_id: str | None = None) -> ScenarioRunView:
        """Ends it without a score."""
        return await self._move(run_id, "cancel", request_id)

    async def download_logs(self, run_id: str, target: Path) -> int:
        """Writes its log to a file, a zip archive, which is replaced whole or not at all; tells its size."""
        return await self._wire.download(Ask("POST", place(_ONE + "/download_logs", run_id), {}, long=True), target)

    async def _move(self, run_id: str, move: str, request_id: str | None) -> ScenarioRunView:
        held = LONGEST_HOLD + self._wire.deadlines.read
        path = place(_ONE + "/{}", run_id, move)
        return await self._post(ScenarioRunView, path, request_id=request_id, read_seconds=held)
