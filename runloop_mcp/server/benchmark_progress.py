"""Benchmarks and how far their runs are, as one principal may see them."""

from typing import Final

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import run_for_solver
from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.api.models.benchmark import BenchmarkRunListParams, BenchmarkRunView
from runloop_mcp.api.models.run import RunListParams
from runloop_mcp.server.listings import BenchmarkProgress, BenchmarkRunLine
from runloop_mcp.server.rendering.benchmark import progress_of
from runloop_mcp.server.rendering.quantities import moment
from runloop_mcp.server.results import Result
from runloop_mcp.server.score_card.card import Shown

_MOST: Final = 5000
"""Scenarios and runs of one benchmark that are looked at."""
_RUNS: Final = 20
"""Runs of a benchmark that its outline names, the newest."""


class ScenarioName(Result):
    """A scenario of a benchmark."""

    scenario_id: str
    name: str


class BenchmarkOutline(Result):
    """What a benchmark is."""

    benchmark_id: str
    name: str
    status: str
    description: str | None = None
    attribution: str | None = None
    scenarios: list[ScenarioName]
    newest_runs: list[BenchmarkRunLine]


async def benchmark_of(backend: Backend, benchmark_id: str) -> BenchmarkOutline:
    """What a benchmark is made of, and the newest runs of it that whoever has this backend may see.

    Raises:
        NotFound: There is none with this id.
    """
    benchmark = await backend.benchmarks.retrieve(benchmark_id)
    definitions = await backend.benchmarks.definitions(benchmark.id, PageParams(limit=_MOST))
    return BenchmarkOutline(
        benchmark_id=benchmark.id,
        name=benchmark.name,
        status=benchmark.status,
        description=benchmark.description,
        attribution=benchmark.attribution,
        scenarios=[ScenarioName(scenario_id=each.id, name=each.name) for each in definitions.items],
        newest_runs=await _newest_runs(backend, benchmark.id),
    )


async def _newest_runs(backend: Backend, benchmark_id: str) -> list[BenchmarkRunLine]:
    page = await backend.benchmark_runs.list(BenchmarkRunListParams(benchmark_id=benchmark_id, limit=_RUNS))
    return [
        BenchmarkRunLine(benchmark_run_id=each.id, state=each.state, name=each.name, started=moment(each.start_time_ms))
        for each in page.items
    ]


async def benchmark_progress_of(backend: Backend, benchmark_run_id: str) -> BenchmarkProgress:
    """How far a run of a benchmark is.

    Raises:
        NotFound: There is none with this id that whoever has this backend may see.
    """
    run = await backend.benchmark_runs.retrieve(benchmark_run_id)
    return await progress_with(backend, run, run_for_solver, sealed=True)


async def progress_with(backend: Backend, run: BenchmarkRunView, shown: Shown, *, sealed: bool) -> BenchmarkProgress:
    """How far a run of a benchmark is, by the runs in it that the backend tells.

    Args:
        backend: As whoever looks may see it.
        run: The run.
        shown: What may be shown of each run in it.
        sealed: Whether the total is withheld where the score of a run is.
    """
    page = await backend.runs.list(RunListParams(benchmark_run_id=run.id, limit=_MOST))
    names = await _names(backend, run)
    return progress_of(run, names, [shown(each) for each in page.items], sealed=sealed)


async def _names(backend: Backend, run: BenchmarkRunView) -> dict[str, str | None]:
    """The names of a run's scenarios by id, in their order; its benchmark may have others by now."""
    names: dict[str, str | None] = {}
    if run.benchmark_id is not None:
        definitions = await backend.benchmarks.definitions(run.benchmark_id, PageParams(limit=_MOST))
        names = {each.id: each.name for each in definitions.items}
    if run.x_scenario_ids is None:
        return names
    return {each: names[each] if each in names else await _name(backend, each) for each in run.x_scenario_ids}


async def _name(backend: Backend, scenario_id: str) -> str | None:
    try:
        return (await backend.scenarios.retrieve(scenario_id)).name
    except NotFound:
        return None
