"""Completion of what names a run, an execution or a run of a benchmark."""

from typing import Final

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.models.benchmark import BenchmarkRunListParams
from runloop_mcp.api.models.devbox import OutputStream
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.api.trace import EventKind
from runloop_mcp.server.completing.typing import LOOKED_AT, Candidates, Typing, matching
from runloop_mcp.server.handles import find_run, find_scenario

STREAMS: Final = tuple(str(stream) for stream in OutputStream)
STATES: Final = tuple(str(state) for state in RunState)
_EVENTS: Final = 2000
"""Events of a run's record among which its executions are found, newest last."""


async def runs(backend: Backend, principal: Principal, typing: Typing) -> Candidates:
    """The runs that the principal may see, of the scenario and in the state that are given; newest first."""
    named = typing.given.get("scenario_id", "")
    scenario = await find_scenario(backend, principal, named) if named else None
    state = typing.given.get("state") or None
    params = RunListParams(limit=LOOKED_AT, scenario_id=scenario and scenario.id, state=state)
    page = await backend.runs.list(params)
    typed = typing.begun.casefold()
    by_name = [run.id for run in page.items if typed and typed in (run.name or "").casefold()]
    fitting = [run.id for run in page.items if _fits(run, state)]
    return Candidates([*matching(fitting, typing.begun), *by_name], page.has_more)


def _fits(run: ScenarioRunView, state: str | None) -> bool:
    """Whether it has the state that was given: one that is bound to a run gets that run, whatever was asked for."""
    return state is None or run.state == state


async def executions(backend: Backend, principal: Principal, typing: Typing) -> Candidates:
    """The executions of the run that is given, newest first."""
    if "run_id" not in typing.given:
        return Candidates([])
    run = await find_run(backend, principal, typing.given["run_id"])
    after = max(await backend.trace.end(run.id) - _EVENTS, 0)
    events = await backend.trace.events(run.id, after=after, limit=_EVENTS)
    ids = [str(event.data.get("execution_id")) for event in reversed(events) if event.kind == EventKind.EXECUTION]
    return Candidates(matching(ids, typing.begun), is_cut=after > 0)


async def benchmark_runs(backend: Backend, _: Principal, typing: Typing) -> Candidates:
    """The runs of benchmarks, of the one that is given where one is; newest first."""
    benchmark_id = typing.given.get("benchmark_id") or None
    page = await backend.benchmark_runs.list(BenchmarkRunListParams(limit=LOOKED_AT, benchmark_id=benchmark_id))
    typed = typing.begun.casefold()
    by_name = [run.id for run in page.items if typed and typed in (run.name or "").casefold()]
    return Candidates([*matching((run.id for run in page.items), typing.begun), *by_name], page.has_more)
