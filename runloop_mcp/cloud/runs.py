"""Runs over the wire."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.api.groups.runs import Runs
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.api.models.trust import RescoreParams, Rescoring
from runloop_mcp.cloud.context import CloudContext
from runloop_mcp.cloud.keys import request_id, used_once
from runloop_mcp.cloud.run_details import RunDetailsSource

_ASKED_AT_ONCE: Final = 100
_LOOKED_AT: Final = 2000
"""Runs, newest first, among which those of one principal are found."""


class CloudRuns(Runs):
    """Runs of the cloud."""

    def __init__(self, cloud: CloudContext, details: RunDetailsSource) -> None:
        self._cloud = cloud
        self._calls = cloud.client.runs
        self._details = details

    async def retrieve(self, run_id: str) -> ScenarioRunView:
        """See `Runs.retrieve`."""
        await self._cloud.scenarios.required()
        return await self._seen(await self._calls.retrieve(run_id))

    async def list(self, params: RunListParams, *, principal: Principal | None = None) -> Page[ScenarioRunView]:
        """See `Runs.list`."""
        await self._cloud.scenarios.required()
        if principal is not None:
            return await self._list_of(params, principal)
        page = await self._calls.list(params)
        return page.model_copy(update={"items": [await self._details.complete(run) for run in page.items]})

    async def _list_of(self, params: RunListParams, principal: Principal) -> Page[ScenarioRunView]:
        """One page of a principal's runs, which the wire does not tell apart: found among the newest of all."""
        own: list[ScenarioRunView] = []
        asked = params.model_copy(update={"limit": _ASKED_AT_ONCE, "starting_after": None})
        for _ in range(_LOOKED_AT // _ASKED_AT_ONCE):
            page = await self._calls.list(asked)
            seen = [await self._details.complete(run) for run in page.items]
            own += [run for run in seen if run.x_runloop_mcp and run.x_runloop_mcp.principal == principal.id]
            if not page.has_more or not page.items:
                break
            asked = asked.model_copy(update={"starting_after": page.items[-1].id})
        begin = 0
        if params.starting_after is not None:
            ids = [run.id for run in own]
            if params.starting_after not in ids:
                raise InvalidRequest(
                    "There is no such run to start after.", hint="Pass the id of the last run of the page before."
                )
            begin = ids.index(params.starting_after) + 1
        end = begin + params.limit
        return Page[ScenarioRunView](items=own[begin:end], has_more=len(own) > end, total_count=len(own))

    async def score(
        self,
        run_id: str,
        *,
        wait_seconds: float = 20,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> ScenarioRunView:
        """See `Runs.score`."""
        await self._cloud.scenarios.required()
        with used_once(idempotency_key):
            run = await self._calls.score(
                run_id, wait_seconds=wait_seconds, request_id=request_id(idempotency_key, principal)
            )
        if run.state in {RunState.SCORING, RunState.RUNNING} and idempotency_key is not None:
            run = await self._calls.retrieve(run_id)  # what a repeated request gets may be what the first one got
        return await self._seen(run, "score")

    async def rescore(self, run_id: str, params: RescoreParams, *, principal: Principal = LOCAL_OPERATOR) -> Rescoring:  # noqa: ARG002 - there is no such call
        """See `Runs.rescore`."""
        raise Unavailable(
            "Runloop's API has no call to score a run again.",
            hint="It works for runs that are kept on this machine: --backend local.",
        )

    async def complete(
        self,
        run_id: str,
        *,
        wait_seconds: float = 20,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> ScenarioRunView:
        """See `Runs.complete`."""
        await self._cloud.scenarios.required()
        with used_once(idempotency_key):
            run = await self._calls.complete(
                run_id, wait_seconds=wait_seconds, request_id=request_id(idempotency_key, principal)
            )
        return await self._seen(run, "complete")

    async def cancel(self, run_id: str) -> ScenarioRunView:
        """See `Runs.cancel`."""
        await self._cloud.scenarios.required()
        return await self._seen(await self._calls.cancel(run_id), "cancel")

    async def wait(self, run_id: str, *, leaving: Collection[RunState], wait_seconds: float) -> ScenarioRunView:
        """See `Runs.wait`."""
        await self._cloud.scenarios.required()
        return await self._seen(await self._calls.wait(run_id, leaving=leaving, wait_seconds=wait_seconds))

    async def download_logs(self, run_id: str, target: Path) -> int:
        """See `Runs.download_logs`."""
        await self._cloud.scenarios.required()
        return await self._calls.download_logs(run_id, target)

    async def _seen(self, run: ScenarioRunView, move: str | None = None) -> ScenarioRunView:
        run = await self._details.complete(run)
        await self._cloud.sightings.run(run, move)
        return run
