"""From what a caller names to the scenario, run or devbox meant: ids, the URIs of our resources, scenario names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.benchmark import BenchmarkListParams, BenchmarkView
from runloop_mcp.api.models.run import RunListParams, ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioView

KINDS: Final = {
    IdPrefix.SCENARIO: "a scenario",
    IdPrefix.RUN: "a run",
    IdPrefix.SCORER: "a scorer",
    IdPrefix.DEVBOX: "a devbox",
    IdPrefix.SNAPSHOT: "a snapshot",
    IdPrefix.BLUEPRINT: "a blueprint",
    IdPrefix.BENCHMARK: "a benchmark",
    IdPrefix.BENCHMARK_RUN: "a benchmark run",
    IdPrefix.EXECUTION: "an execution",
}
WHERE: Final = {
    IdPrefix.SCENARIO: "Scenario ids look like scn_…; list_scenarios gives them.",
    IdPrefix.RUN: "Run ids look like scr_…; start_run gives a new one, list_runs those there are.",
    IdPrefix.SCORER: "Scorer ids look like scs_…; list_scorers gives them.",
    IdPrefix.DEVBOX: "Devbox ids look like dbx_…; create_devbox gives a new one, list_devboxes those there are.",
    IdPrefix.SNAPSHOT: "Snapshot ids look like snp_…; list_snapshots gives them.",
    IdPrefix.BLUEPRINT: "Blueprint ids look like bpt_…; list_blueprints gives them.",
    IdPrefix.BENCHMARK: "Benchmark ids look like bmd_…; list_benchmarks gives them.",
    IdPrefix.BENCHMARK_RUN: "Ids of benchmark runs look like bmr_…; list_benchmark_runs gives them.",
    IdPrefix.EXECUTION: "Execution ids look like exe_…; exec_on_devbox gives them, and each belongs to one run.",
}
_RUNS_SEARCHED = 500


async def find_scenario(backend: Backend, principal: Principal, named: str) -> ScenarioView:
    """The scenario with this id or resource URI, or the one with exactly this name.

    Raises:
        NotFound: There is none that this principal may see.
        InvalidRequest: It is the id of something else, or several have this name.
    """
    scenario_id = bare_id(named, IdPrefix.SCENARIO, "scenario_id")
    if principal.run_id is not None:
        own = (await backend.scenarios.list(ScenarioListParams(limit=1))).items[0]
        return own if scenario_id == own.name else await backend.scenarios.retrieve(scenario_id)
    if not scenario_id.startswith(IdPrefix.SCENARIO + "_"):
        page = await backend.scenarios.list(ScenarioListParams(name=scenario_id, limit=2))
        if len(page.items) == 1:
            return page.items[0]
        if page.items:
            raise InvalidRequest("Several scenarios have this name.", hint="Give the id that list_scenarios shows.")
        raise NotFound("There is no such scenario.", hint=WHERE[IdPrefix.SCENARIO])
    with found_by(IdPrefix.SCENARIO):
        return await backend.scenarios.retrieve(scenario_id)


async def find_run(backend: Backend, principal: Principal, named: str) -> ScenarioRunView:
    """The run with this id or resource URI, or the one whose devbox has this id.

    Raises:
        NotFound: There is none that this principal may see.
        InvalidRequest: It is the id of something else.
    """
    run_id = bare_id(named, IdPrefix.RUN, "run_id", IdPrefix.DEVBOX)
    try:
        run = (
            await _run_of_devbox(backend, run_id) if run_id.startswith("dbx_") else await backend.runs.retrieve(run_id)
        )
    except NotFound as error:
        raise NotFound(error.message, hint=_own(principal)) from error
    return run


async def find_benchmark(backend: Backend, named: str) -> BenchmarkView:
    """The benchmark with this id, archived or not, or the one in lists with exactly this name.

    Raises:
        NotFound: There is none.
        InvalidRequest: It is the id of something else, or several have this name.
    """
    benchmark_id = bare_id(named, IdPrefix.BENCHMARK, "benchmark_id")
    if not benchmark_id.startswith(f"{IdPrefix.BENCHMARK}_"):
        page = await backend.benchmarks.list(BenchmarkListParams(name=benchmark_id, limit=2))
        if len(page.items) > 1:
            raise InvalidRequest("Several benchmarks have this name.", hint="Give the id that list_benchmarks shows.")
        if not page.items:
            raise NotFound("There is no such benchmark.", hint="list_benchmarks shows those there are.")
        return page.items[0]
    with found_by(IdPrefix.BENCHMARK):
        return await backend.benchmarks.retrieve(benchmark_id)


def execution_id(named: str) -> str:
    """An execution's id, from the id itself or the URI of its output.

    Raises:
        InvalidRequest: It is the id of something else.
    """
    return bare_id(named, IdPrefix.EXECUTION, "execution_id")


def bare_id(named: str, wanted: IdPrefix, argument: str, *also: IdPrefix) -> str:
    """The id itself, without quotes or the rest of a URI.

    Args:
        named: What a caller named.
        wanted: What kind of thing it is to be.
        argument: The argument's name.
        also: Further kinds that will do.

    Raises:
        InvalidRequest: It is the id of something else.
    """
    named = named.strip().strip("\"'`")
    if "/" in named:
        parts = [part for part in named.split("/") if part.startswith(f"{wanted}_")]
        named = parts[0] if parts else named
    for prefix, kind in KINDS.items():
        if prefix not in (wanted, *also) and named.startswith(f"{prefix}_"):
            raise InvalidRequest(
                f"`{argument}` is the id of {KINDS[wanted]}, and {prefix}_… is that of {kind}.", hint=WHERE[wanted]
            )
    return named


def id_or_none(named: str | None, wanted: IdPrefix, argument: str) -> str | None:
    """Likewise, for an argument that may be absent or empty.

    Raises:
        InvalidRequest: It is the id of something else.
    """
    return bare_id(named, wanted, argument) if named else None


@contextmanager
def found_by(kind: IdPrefix) -> Iterator[None]:
    """Whoever names what is not there reads where right ids come from.

    Raises:
        NotFound: As it was raised in the block, with that.
    """
    try:
        yield
    except NotFound as error:
        raise NotFound(error.message, hint=WHERE[kind]) from error


def _own(principal: Principal) -> str:
    return f"Yours is {principal.run_id}." if principal.run_id else WHERE[IdPrefix.RUN]


async def _run_of_devbox(backend: Backend, devbox_id: str) -> ScenarioRunView:
    page = await backend.runs.list(RunListParams(limit=_RUNS_SEARCHED))
    for run in page.items:
        if run.devbox_id == devbox_id:
            return run
    raise NotFound(f"No recent run has the devbox {devbox_id[:40]}.")
