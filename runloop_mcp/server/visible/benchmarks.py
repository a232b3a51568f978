"""Benchmarks and their runs as one principal may see them: see `server.visible`."""

from pathlib import Path
from typing import Final

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal, Role
from runloop_mcp.api.errors import Forbidden, InvalidRequest, NotFound
from runloop_mcp.api.groups.benchmarks import BenchmarkRuns, Benchmarks
from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.benchmark import (
    BenchmarkCreateParams,
    BenchmarkListParams,
    BenchmarkRunListParams,
    BenchmarkRunView,
    BenchmarkScenariosParams,
    BenchmarkStartRunParams,
    BenchmarkUpdateParams,
    BenchmarkView,
)
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView

_NO_BENCHMARK: Final = "There is no such benchmark among those that you may see."
_NO_RUN: Final = "There is no such benchmark run among those that you may see."
_LOOKED_AT: Final = 5000
"""Benchmark runs, newest first, among which a principal's own are found."""


class VisibleBenchmarks(Benchmarks):
    """All benchmarks; none for a principal that is bound to a run. Solvers change and make none."""

    def __init__(self, principal: Principal, benchmarks: Benchmarks, own: set[str]) -> None:
        self._principal = principal
        self._benchmarks = benchmarks
        self._own = own
        """Runs of benchmarks that were started here."""

    async def retrieve(self, benchmark_id: str) -> BenchmarkView:
        """See `Benchmarks.retrieve`."""
        self._refuse_bound()
        return await self._benchmarks.retrieve(benchmark_id)

    async def list(self, params: BenchmarkListParams) -> Page[BenchmarkView]:
        """See `Benchmarks.list`."""
        if self._principal.run_id is not None:
            return Page[BenchmarkView](items=[], has_more=False, total_count=0)
        return await self._benchmarks.list(params)

    async def definitions(self, benchmark_id: str, params: PageParams) -> Page[ScenarioView]:
        """See `Benchmarks.definitions`."""
        self._refuse_bound()
        return await self._benchmarks.definitions(benchmark_id, params)

    async def start_run(
        self,
        params: BenchmarkStartRunParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> BenchmarkRunView:
        """See `Benchmarks.start_run`."""
        self._refuse_bound()
        run = await self._benchmarks.start_run(params, principal=principal, idempotency_key=idempotency_key)
        self._own.add(run.id)
        return run

    async def create(self, params: BenchmarkCreateParams, *, idempotency_key: str | None = None) -> BenchmarkView:
        """See `Benchmarks.create`."""
        self._refuse_solvers()
        return await self._benchmarks.create(params, idempotency_key=idempotency_key)

    async def update(self, benchmark_id: str, params: BenchmarkUpdateParams) -> BenchmarkView:
        """See `Benchmarks.update`."""
        self._refuse_solvers()
        return await self._benchmarks.update(benchmark_id, params)

    async def update_scenarios(self, benchmark_id: str, params: BenchmarkScenariosParams) -> BenchmarkView:
        """See `Benchmarks.update_scenarios`."""
        self._refuse_solvers()
        return await self._benchmarks.update_scenarios(benchmark_id, params)

    async def archive(self, benchmark_id: str) -> BenchmarkView:
        """See `Benchmarks.archive`."""
        self._refuse_solvers()
        return await self._benchmarks.archive(benchmark_id)

    async def unarchive(self, benchmark_id: str) -> BenchmarkView:
        """See `Benchmarks.unarchive`."""
        self._refuse_solvers()
        return await self._benchmarks.unarchive(benchmark_id)

    def _refuse_bound(self) -> None:
        if self._principal.run_id is not None:
            raise NotFound(_NO_BENCHMARK)

    def _refuse_solvers(self) -> None:
        if self._principal.role is not Role.OPERATOR:
            raise Forbidden("Benchmarks are an operator's to make and change.", hint="list_runs shows your runs.")


class VisibleBenchmarkRuns(BenchmarkRuns):
    """A principal's own runs of benchmarks; none for one that is bound to a run."""

    def __init__(self, principal: Principal, runs: BenchmarkRuns, own: set[str]) -> None:
        self._principal = principal
        self._runs = runs
        self._own = own

    async def retrieve(self, run_id: str) -> BenchmarkRunView:
        """See `BenchmarkRuns.retrieve`."""
        try:
            run = await self._runs.retrieve(run_id)
        except NotFound:
            raise NotFound(_NO_RUN) from None
        if not self._owns(run):
            raise NotFound(_NO_RUN)
        return run

    async def list(self, params: BenchmarkRunListParams) -> Page[BenchmarkRunView]:
        """See `BenchmarkRuns.list`."""
        everyones = params.model_copy(update={"limit": _LOOKED_AT, "starting_after": None})
        own = [run for run in (await self._runs.list(everyones)).items if self._owns(run)]
        begin = 0
        if params.starting_after is not None:
            ids = [run.id for run in own]
            if params.starting_after not in ids:
                raise InvalidRequest(
                    "There is no such benchmark run to start after.",
                    hint="Pass the id of the last benchmark run of the page before.",
                )
            begin = ids.index(params.starting_after) + 1
        end = begin + params.limit
        return Page[BenchmarkRunView](items=own[begin:end], has_more=len(own) > end, total_count=len(own))

    async def scenario_runs(
        self, run_id: str, params: PageParams, *, state: str | None = None
    ) -> Page[ScenarioRunView]:
        """See `BenchmarkRuns.scenario_runs`."""
        await self.retrieve(run_id)
        return await self._runs.scenario_runs(run_id, params, state=state)

    async def complete(self, run_id: str) -> BenchmarkRunView:
        """See `BenchmarkRuns.complete`."""
        await self.retrieve(run_id)
        return await self._runs.complete(run_id)

    async def cancel(self, run_id: str) -> BenchmarkRunView:
        """See `BenchmarkRuns.cancel`."""
        await self.retrieve(run_id)
        return await self._runs.cancel(run_id)

    async def download_logs(self, run_id: str, target: Path) -> int:
        """See `BenchmarkRuns.download_logs`."""
        await self.retrieve(run_id)
        return await self._runs.download_logs(run_id, target)

    def _owns(self, run: BenchmarkRunView) -> bool:
        if self._principal.run_id is not None:
            return False
        return run.x_principal == self._principal.id or run.id in self._own
