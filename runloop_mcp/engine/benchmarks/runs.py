"""The `BenchmarkRuns` port of the embedded engine."""

from pathlib import Path
from sqlite3 import Connection

import anyio

from runloop_mcp.api.errors import ApiError, Conflict, InvalidState, Unavailable
from runloop_mcp.api.groups.benchmarks import BenchmarkRuns
from runloop_mcp.api.groups.runs import Runs
from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.benchmark import BenchmarkRunListParams, BenchmarkRunState, BenchmarkRunView
from runloop_mcp.api.models.run import RunListParams, RunState, ScenarioRunView
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.runs.archive import write_archive
from runloop_mcp.engine.store import benchmark_runs
from runloop_mcp.engine.store.benchmark_runs import BenchmarkRunRow

_CANCEL_SECONDS = 60.0
_CANCELED_AT_ONCE = 4
_UNDECIDED = (RunState.RUNNING, RunState.SCORING)


class EngineBenchmarkRuns(BenchmarkRuns):
    """Runs of benchmarks of the embedded engine.

    Args:
        engine: Keeps them.
        runs: Carries out runs of scenarios.
    """

    def __init__(self, engine: EngineContext, runs: Runs) -> None:
        self._engine = engine
        self._runs = runs

    async def retrieve(self, run_id: str) -> BenchmarkRunView:
        """See `BenchmarkRuns.retrieve`."""
        return (await self._row(run_id)).view()

    async def list(self, params: BenchmarkRunListParams) -> Page[BenchmarkRunView]:
        """See `BenchmarkRuns.list`."""
        rows, total, more = await self._engine.database.page(benchmark_runs.page, params)
        return Page(items=[row.view() for row in rows], has_more=more, total_count=total)

    async def scenario_runs(
        self, run_id: str, params: PageParams, *, state: str | None = None
    ) -> Page[ScenarioRunView]:
        """See `BenchmarkRuns.scenario_runs`."""
        await self._row(run_id)
        return await self._runs.list(
            RunListParams(
                benchmark_run_id=run_id, state=state, limit=params.limit, starting_after=params.starting_after
            )
        )

    async def complete(self, run_id: str) -> BenchmarkRunView:
        """See `BenchmarkRuns.complete`."""

        def work(connection: Connection) -> BenchmarkRunRow:
            row = benchmark_runs.get(connection, run_id)
            if row.state is BenchmarkRunState.COMPLETED:
                return row
            if row.state is not BenchmarkRunState.RUNNING:
                raise InvalidState(
                    f"The benchmark run is {row.state}, so it can't be completed.", hint="Start a new one."
                )
            standing = benchmark_runs.standing(connection, run_id)
            _refuse_undecided(standing.states[RunState.RUNNING], standing.states[RunState.SCORING])
            row.score = standing.mean
            benchmark_runs.end(connection, row, BenchmarkRunState.COMPLETED, now_ms=now_ms())
            return row

        row = await self._engine.database.write(work, durable=True)
        self._engine.changes.notify(run_id)
        return row.view()

    async def cancel(self, run_id: str) -> BenchmarkRunView:
        """See `BenchmarkRuns.cancel`."""

        def work(connection: Connection) -> BenchmarkRunRow:
            row = benchmark_runs.get(connection, run_id)
            if row.state is BenchmarkRunState.RUNNING:
                benchmark_runs.end(connection, row, BenchmarkRunState.CANCELED, now_ms=now_ms())
            elif row.state is not BenchmarkRunState.CANCELED:
                raise InvalidState(
                    f"The benchmark run is {row.state}, so it can't be canceled.", hint="Its scores stand."
                )
            return row

        # Ended first, so that nothing is started in it while what runs is canceled.
        row = await self._engine.database.write(work, durable=True)
        self._engine.changes.notify(run_id)
        await self._cancel_scenario_runs(run_id)
        return row.view()

    async def _cancel_scenario_runs(self, run_id: str) -> None:
        found = await self._engine.database.read(lambda connection: benchmark_runs.scenario_runs(connection, run_id))
        limit = anyio.CapacityLimiter(_CANCELED_AT_ONCE)
        refusals: list[ApiError] = []

        async def cancel(scenario_run_id: str) -> None:
            async with limit:
                try:
                    await self._runs.cancel(scenario_run_id)
                except InvalidState:
                    pass  # it was scored or has ended meanwhile, and keeps what it has
                except (Conflict, Unavailable) as error:
                    refusals.append(error)

        # Shielded: what is begun is brought to its end, though whoever asked for it may have gone away.
        with anyio.move_on_after(_CANCEL_SECONDS, shield=True) as scope:
            async with anyio.create_task_group() as tasks:
                for scenario_run_id, state in found:
                    if state in _UNDECIDED:
                        tasks.start_soon(cancel, scenario_run_id)
        if refusals:
            raise Conflict(
                f"The benchmark run is canceled, and {len(refusals)} of its runs could not be: {refusals[0].message}",
                hint="Cancel it again in a moment.",
                retry_after=1,
            )
        if scope.cancelled_caught:
            raise Conflict(
                "The benchmark run is canceled, but its runs take long to end.", hint="Cancel it again in a moment."
            )

    async def download_logs(self, run_id: str, target: Path) -> int:
        """See `BenchmarkRuns.download_logs`."""
        await self._row(run_id)
        found = await self._engine.database.read(lambda connection: benchmark_runs.scenario_runs(connection, run_id))
        return await write_archive(self._engine, {each: f"{each}/" for each, _ in found}, target)

    async def _row(self, run_id: str) -> BenchmarkRunRow:
        return await self._engine.database.look(lambda connection: benchmark_runs.get(connection, run_id))


def _refuse_undecided(running: int, scoring: int) -> None:
    if running:
        raise InvalidState(
            f"{running} of its scenarios' runs are neither scored nor ended, so the benchmark run can't be completed.",
            hint="Score them or cancel them, then complete it; one without a score counts 0.",
        )
    if scoring:
        raise Conflict(
            f"{scoring} of its scenarios' runs are still scoring, so the benchmark run can't be completed yet.",
            hint="Wait for their scores, then complete it.",
            retry_after=1,
        )
