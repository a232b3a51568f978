"""Benchmarks, their runs, and jobs."""

from pathlib import Path
from typing import Final

from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.benchmark import (
    BenchmarkCreateParams,
    BenchmarkListParams,
    BenchmarkRunListParams,
    BenchmarkRunView,
    BenchmarkScenariosParams,
    BenchmarkStartRunParams,
    BenchmarkStatus,
    BenchmarkUpdateParams,
    BenchmarkView,
)
from runloop_mcp.api.models.benchmark_job import BenchmarkJobCreateParams, BenchmarkJobListParams, BenchmarkJobView
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.client.ask import Ask, place
from runloop_mcp.client.bodies import body_of, query_of
from runloop_mcp.client.calls import Calls

_ALL: Final = "/v1/benchmarks"
_ONE: Final = "/v1/benchmarks/{}"
_RUNS: Final = "/v1/benchmark_runs"
_RUN: Final = "/v1/benchmark_runs/{}"
_JOBS: Final = "/v1/benchmark_jobs"


class BenchmarkCalls(Calls):
    """Benchmarks of the API."""

    async def create(self, params: BenchmarkCreateParams, *, request_id: str | None = None) -> BenchmarkView:
        """Keeps a new one."""
        return await self._post(BenchmarkView, _ALL, body_of(params), request_id=request_id)

    async def retrieve(self, benchmark_id: str) -> BenchmarkView:
        """One benchmark."""
        return await self._get(BenchmarkView, place(_ONE, benchmark_id))

    async def update(self, benchmark_id: str, params: BenchmarkUpdateParams) -> BenchmarkView:
        """Replaces parts of it."""
        return await self._post(BenchmarkView, place(_ONE, benchmark_id), body_of(params))

    async def update_scenarios(self, benchmark_id: str, params: BenchmarkScenariosParams) -> BenchmarkView:
        """Adds scenarios and takes others out."""
        return await self._post(BenchmarkView, place(_ONE + "/scenarios", benchmark_id), body_of(params))

    async def list(self, params: BenchmarkListParams) -> Page[BenchmarkView]:
        """One page of benchmarks that are active; of public ones alone where `is_public` says so."""
        path = f"{_ALL}/list_public" if params.is_public else _ALL
        query = query_of(params, without=("status", "is_public"))
        if params.status != BenchmarkStatus.ACTIVE:  # a filter of our own server; others pass over it
            query["status"] = params.status or "all"
        return await self._page(BenchmarkView, path, "benchmarks", query)

    async def archive(self, benchmark_id: str) -> BenchmarkView:
        """Takes it out of lists."""
        return await self._post(BenchmarkView, place(_ONE + "/archive", benchmark_id))

    async def unarchive(self, benchmark_id: str) -> BenchmarkView:
        """Puts it back."""
        return await self._post(BenchmarkView, place(_ONE + "/unarchive", benchmark_id))

    async def definitions(self, benchmark_id: str, params: PageParams) -> Page[ScenarioView]:
        """One page of its scenarios."""
        path = place(_ONE + "/definitions", benchmark_id)
        return await self._page(ScenarioView, path, "scenarios", query_of(params))

    async def start_run(self, params: BenchmarkStartRunParams, *, request_id: str | None = None) -> BenchmarkRunView:
        """Starts a run."""
        return await self._post(BenchmarkRunView, f"{_ALL}/start_run", body_of(params), request_id=request_id)


class BenchmarkRunCalls(Calls):
    """Runs of benchmarks of the API."""

    async def retrieve(self, run_id: str) -> BenchmarkRunView:
        """One run."""
        return await self._get(BenchmarkRunView, place(_RUN, run_id))

    async def list(self, params: BenchmarkRunListParams) -> Page[BenchmarkRunView]:
        """One page of runs, newest first."""
        return await self._page(BenchmarkRunView, _RUNS, "runs", query_of(params))

    async def scenario_runs(
        self, run_id: str, params: PageParams, *, state: str | None = None
    ) -> Page[ScenarioRunView]:
        """One page of the runs of its scenarios."""
        path = place(_RUN + "/scenario_runs", run_id)
        return await self._page(ScenarioRunView, path, "runs", {**query_of(params), "state": state})

    async def complete(self, run_id: str) -> BenchmarkRunView:
        """Ends it with its score."""
        return await self._post(BenchmarkRunView, place(_RUN + "/complete", run_id))

    async def cancel(self, run_id: str) -> BenchmarkRunView:
        """Ends it without a score."""
        return await self._post(BenchmarkRunView, place(_RUN + "/cancel", run_id))

    async def download_logs(self, run_id: str, target: Path) -> int:
        """Writes the logs of its scenarios' runs to a file, a zip archive."""
        return await self._wire.download(Ask("POST", place(_RUN + "/download_logs", run_id), {}, long=True), target)


class BenchmarkJobCalls(Calls):
    """Jobs of the API."""

    async def create(self, params: BenchmarkJobCreateParams, *, request_id: str | None = None) -> BenchmarkJobView:
        """Begins one."""
        return await self._post(BenchmarkJobView, _JOBS, body_of(params), request_id=request_id)

    async def retrieve(self, job_id: str) -> BenchmarkJobView:
        """One job."""
        return await self._get(BenchmarkJobView, place("/v1/benchmark_jobs/{}", job_id))

    async def list(self, params: BenchmarkJobListParams) -> Page[BenchmarkJobView]:
        """One page of jobs, newest first."""
        return await self._page(BenchmarkJobView, _JOBS, "jobs", query_of(params))
