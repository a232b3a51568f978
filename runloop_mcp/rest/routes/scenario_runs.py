"""Runs of scenarios."""

from functools import partial
from typing import Final

from pydantic import Field
from starlette.responses import Response

from runloop_mcp.api.models.base import Page, WireModel
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.rest.archives import ZIP, zip_of
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post
from runloop_mcp.rest.run_views import RunWithScenario, with_scenario

HOLD_SECONDS: Final = 20.0
"""How long answers are held for scoring to end. Clients read for 30 seconds."""

_TAG: Final = "scenario_runs"
_NONE: Final = "There is no such run."


class HoldQuery(WireModel):
    """How long to hold the answer."""

    x_wait_seconds: float | None = Field(default=None, ge=0)
    """Seconds; at most 20, which is the default. Of this server, beside the wire."""


class RunQuery(WireModel):
    """What to wait for, of this server, beside the wire."""

    x_wait_seconds: float | None = Field(default=None, ge=0)
    """How many seconds to hold the answer, at most 20; it is not held where this is absent."""
    x_leaving: str = RunState.SCORING.value
    """States, separated by commas: the answer is held while the run is in one of them."""

    def states(self) -> set[RunState]:
        """The states that are waited out."""
        known = {state.value for state in RunState}
        return {RunState(state) for state in self.x_leaving.split(",") if state in known}


async def list_(call: Call, query: RunListParams) -> Page[ScenarioRunView]:
    """Lists runs of scenarios, newest first."""
    return await call.backend.runs.list(query)


async def retrieve(call: Call, run_id: str, query: RunQuery) -> RunWithScenario:
    """Retrieves a run.

    Where it is asked to, the answer is held until the run has left a state, or the wait is over.
    """
    if not query.x_wait_seconds:
        return await with_scenario(call.backend, await call.backend.runs.retrieve(run_id))
    run = await call.backend.runs.wait(
        run_id, leaving=query.states(), wait_seconds=min(query.x_wait_seconds, HOLD_SECONDS)
    )
    return await with_scenario(call.backend, run)


async def score(call: Call, run_id: str, query: HoldQuery) -> RunWithScenario:
    """Scores a run.

    Holds the answer for up to 20 seconds: `scored`, with the result, if scoring got there, else `scoring`. A run is
    scored once; a scored run answers with its result.
    """
    run = await call.backend.runs.score(
        run_id, wait_seconds=_hold(query), principal=call.principal, idempotency_key=call.idempotency_key
    )
    return await with_scenario(call.backend, run)


async def complete(call: Call, run_id: str, query: HoldQuery) -> RunWithScenario:
    """Completes a scored run.

    Ends it and shuts its devbox down. One that is being scored is waited for, for up to 20 seconds.
    """
    run = await call.backend.runs.complete(
        run_id, wait_seconds=_hold(query), principal=call.principal, idempotency_key=call.idempotency_key
    )
    return await with_scenario(call.backend, run)


def _hold(query: HoldQuery) -> float:
    return HOLD_SECONDS if query.x_wait_seconds is None else min(query.x_wait_seconds, HOLD_SECONDS)


async def cancel(call: Call, run_id: str) -> RunWithScenario:
    """Cancels a run without scoring it."""
    return await with_scenario(call.backend, await call.backend.runs.cancel(run_id))


async def download_logs(call: Call, run_id: str) -> Response:
    """Downloads the logs of a run, as a zip archive; also when it has ended."""
    return await zip_of(f"{run_id}.zip", partial(call.backend.runs.download_logs, run_id))


_ONE: Final = "/v1/scenarios/runs/{run_id}"
_BUSY: Final = "Its devbox is still booting, queued or held by another server."

ROUTES: Final = (
    get("/v1/scenarios/runs", _TAG, list_, items="runs"),
    get(_ONE, _TAG, retrieve, errors={404: _NONE}),
    post(f"{_ONE}/score", _TAG, score, errors={404: _NONE, 409: _BUSY}, is_held=True),
    post(f"{_ONE}/complete", _TAG, complete, errors={404: _NONE, 409: "It is still being scored."}, is_held=True),
    post(f"{_ONE}/cancel", _TAG, cancel, errors={404: _NONE}),
    post(f"{_ONE}/download_logs", _TAG, download_logs, content=ZIP, errors={404: _NONE}),
)
