"""Runs of scenarios."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import RunListParams, ScenarioRunView
from runloop_mcp.client.ask import Ask, place
from runloop_mcp.client.bodies import query_of
from runloop_mcp.client.calls import Calls
from runloop_mcp.client.long_polls import poll

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

    async def wait(self, run_id: str, *, leaving: Collection[str], wait_seconds: float) -> ScenarioRunView:
        """The run, once its state is none of these or the wait is over.

        Runloop's wire has no wait for runs. Our own server holds the answer when it is asked to; others are asked less
        and less often.
        """
        states = set(map(str, leaving))

        def ask(seconds: float) -> Ask:
            query = {"x_wait_seconds": round(seconds, 3), "x_leaving": ",".join(sorted(states))}
            return Ask("GET", place(_ONE, run_id), query=query)

        view = await poll(
            self._wire,
            ask,
            ScenarioRunView,
            wanted=lambda seen: str(seen.state) not in states,
            seconds=wait_seconds,
            longest=LONGEST_HOLD,
        )
        return view or await self.retrieve(run_id)

    async def score(
        self, run_id: str, *, wait_seconds: float = LONGEST_HOLD, request_id: str | None = None
    ) -> ScenarioRunView:
        """Begins to score it. The answer may be held until that is done, for up to 20 seconds.

        Args:
            run_id: The run.
            wait_seconds: How long it is to be held, for servers that can be told.
            request_id: What the request is known by.
        """
        return await self._move(run_id, "score", request_id, wait_seconds)

    async def complete(
        self, run_id: str, *, wait_seconds: float = LONGEST_HOLD, request_id: str | None = None
    ) -> ScenarioRunView:
        """Ends it, scored. The answer may be held while it is being scored; see `score`."""
        return await self._move(run_id, "complete", request_id, wait_seconds)

    async def cancel(self, run_id: str, *, request_id: str | None = None) -> ScenarioRunView:
        """Ends it without a score."""
        return await self._move(run_id, "cancel", request_id)

    async def download_logs(self, run_id: str, target: Path) -> int:
        """Writes its log to a file, a zip archive, which is replaced whole or not at all; tells its size."""
        return await self._wire.download(Ask("POST", place(_ONE + "/download_logs", run_id), {}, long=True), target)

    async def _move(
        self, run_id: str, move: str, request_id: str | None, wait_seconds: float = LONGEST_HOLD
    ) -> ScenarioRunView:
        held = self._wire.deadlines.hold + self._wire.deadlines.read
        query = {"x_wait_seconds": round(wait_seconds, 3)} if wait_seconds < LONGEST_HOLD else {}
        path = place(_ONE + "/{}", run_id, move)
        return await self._post(ScenarioRunView, path, request_id=request_id, read_seconds=held, query=query)
