"""Benchmarks, their runs, and jobs, over the wire."""

from pathlib import Path

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.groups.benchmarks import BenchmarkJobs, BenchmarkRuns, Benchmarks
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
from runloop_mcp.api.models.benchmark_job import BenchmarkJobCreateParams, BenchmarkJobListParams, BenchmarkJobView
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.cloud.context import CloudContext
from runloop_mcp.cloud.keys import request_id, used_once
from runloop_mcp.cloud.run_details import RunDetailsSource


class CloudBenchmarks(Benchmarks):
    """Benchmarks of the cloud."""

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud
        self._calls = cloud.client.benchmarks

    async def create(self, params: BenchmarkCreateParams, *, idempotency_key: str | None = None) -> BenchmarkView:
        """See `Benchmarks.create`."""
        await self._cloud.scenarios.required()
        with used_once(idempotency_key):
            return await self._calls.create(params, request_id=request_id(idempotency_key))

    async def retrieve(self, benchmark_id: str) -> BenchmarkView:
        """See `Benchmarks.retrieve`."""
        await self._cloud.scenarios.required()
        return await self._calls.retrieve(benchmark_id)

    async def update(self, benchmark_id: str, params: BenchmarkUpdateParams) -> BenchmarkView:
        """See `Benchmarks.update`."""
        await self._cloud.scenarios.required()
        return await self._calls.update(benchmark_id, params)

    async def update_scenarios(self, benchmark_id: str, params: BenchmarkScenariosParams) -> BenchmarkView:
        """See `Benchmarks.update_scenarios`."""
        await self._cloud.scenarios.required()
        return await self._calls.update_scenarios(benchmark_id, params)

    async def list(self, params: BenchmarkListParams) -> Page[BenchmarkView]:
        """See `Benchmarks.list`."""
        await self._cloud.scenarios.required()
        return await self._calls.list(params)

    async def archive(self, benchmark_id: str) -> BenchmarkView:
        """See `Benchmarks.archive`."""
        await self._cloud.scenarios.required()
        return await self._calls.archive(benchmark_id)

    async def unarchive(self, benchmark_id: str) -> BenchmarkView:
        """See `Benchmarks.unarchive`."""
        await self._cloud.scenarios.required()
        return await self._calls.unarchive(benchmark_id)

    async def definitions(self, benchmark_id: str, params: PageParams) -> Page[ScenarioView]:
        """See `Benchmarks.definitions`."""
        await self._cloud.scenarios.required()
        return await self._calls.definitions(benchmark_id, params)

    async def start_run(
        self,
        params: BenchmarkStartRunParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> BenchmarkRunView:
        """See `Benchmarks.start_run`."""
        await self._cloud.scenarios.required()
        with used_once(idempotency_key):
            return await self._calls.start_run(params, request_id=request_id(idempotency_key, principal))


class CloudBenchmarkRuns(BenchmarkRuns):
    """Runs of benchmarks of the cloud."""

    def __init__(self, cloud: CloudContext, details: RunDetailsSource) -> None:
        self._cloud = cloud
        self._calls = cloud.client.benchmark_runs
        self._details = details

    async def retrieve(self, run_id: str) -> BenchmarkRunView:
        """See `BenchmarkRuns.retrieve`."""
        await self._cloud.scenarios.required()
        return await self._calls.retrieve(run_id)

    async def list(self, params: BenchmarkRunListParams) -> Page[BenchmarkRunView]:
        """See `BenchmarkRuns.list`."""
        await self._cloud.scenarios.required()
        return await self._calls.list(params)

    async def scenario_runs(
        self, run_id: str, params: PageParams, *, state: str | None = None
    ) -> Page[ScenarioRunView]:
        """See `BenchmarkRuns.scenario_runs`."""
        await self._cloud.scenarios.required()
        page = await self._calls.scenario_runs(run_id, params, state=state)
        return page.model_copy(update={"items": [await self._details.complete(run) for run in page.items]})

    async def complete(self, run_id: str) -> BenchmarkRunView:
        """See `BenchmarkRuns.complete`."""
        await self._cloud.scenarios.required()
        return await self._calls.complete(run_id)

    async def cancel(self, run_id: str) -> BenchmarkRunView:
        """See `BenchmarkRuns.cancel`."""
        await self._cloud.scenarios.required()
        return await self._calls.cancel(run_id)

    async def download_logs(self, run_id: str, target: Path) -> int:
        """See `BenchmarkRuns.download_logs`."""
        await self._cloud.scenarios.required()
        return await self._calls.download_logs(run_id, target)


class CloudBenchmarkJobs(BenchmarkJobs):
    """Jobs of the cloud."""

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud
        self._calls = cloud.client.benchmark_jobs

    async def create(
        self,
        params: BenchmarkJobCreateParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> BenchmarkJobView:
        """See `BenchmarkJobs.create`."""
        await self._cloud.scenarios.required()
        with used_once(idempotency_key):
            return await self._calls.create(params, request_id=request_id(idempotency_key, principal))

    async def retrieve(self, job_id: str) -> BenchmarkJobView:
        """See `BenchmarkJobs.retrieve`."""
        await self._cloud.scenarios.required()
        return await self._calls.retrieve(job_id)

    async def list(self, params: BenchmarkJobListParams) -> Page[BenchmarkJobView]:
        """See `BenchmarkJobs.list`."""
        await self._cloud.scenarios.required()
        return await self._calls.list(params)
