"""Runs of benchmarks."""

from functools import partial
from typing import Final

from starlette.responses import Response

from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.benchmark import BenchmarkRunListParams, BenchmarkRunView
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.rest.archives import ZIP, zip_of
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post

_TAG: Final = "benchmark_runs"
_NONE: Final = {404: "There is no such run."}


class ScenarioRunsQuery(PageParams):
    """Which runs of scenarios to list."""

    state: str | None = None


async def list_(call: Call, query: BenchmarkRunListParams) -> Page[BenchmarkRunView]:
    """Lists runs of benchmarks, newest first."""
    return await call.backend.benchmark_runs.list(query)


async def retrieve(call: Call, benchmark_run_id: str) -> BenchmarkRunView:
    """Retrieves a run of a benchmark."""
    return await call.backend.benchmark_runs.retrieve(benchmark_run_id)


async def complete(call: Call, benchmark_run_id: str) -> BenchmarkRunView:
    """Completes a run of a benchmark, with the mean of the scores of its scenarios' runs."""
    return await call.backend.benchmark_runs.complete(benchmark_run_id)


async def cancel(call: Call, benchmark_run_id: str) -> BenchmarkRunView:
    """Cancels a run of a benchmark, and those runs of its scenarios that have not ended."""
    return await call.backend.benchmark_runs.cancel(benchmark_run_id)


async def scenario_runs(call: Call, benchmark_run_id: str, query: ScenarioRunsQuery) -> Page[ScenarioRunView]:
    """Lists the runs of the scenarios of a run of a benchmark, newest first."""
    return await call.backend.benchmark_runs.scenario_runs(benchmark_run_id, query, state=query.state)


async def download_logs(call: Call, benchmark_run_id: str) -> Response:
    """Downloads the logs of a run of a benchmark, as a zip archive."""
    return await zip_of(f"{benchmark_run_id}.zip", partial(call.backend.benchmark_runs.download_logs, benchmark_run_id))


_ONE: Final = "/v1/benchmark_runs/{benchmark_run_id}"

ROUTES: Final = (
    get("/v1/benchmark_runs", _TAG, list_, items="runs"),
    get(_ONE, _TAG, retrieve, errors=_NONE),
    post(f"{_ONE}/complete", _TAG, complete, errors=_NONE),
    post(f"{_ONE}/cancel", _TAG, cancel, errors=_NONE),
    post(f"{_ONE}/download_logs", _TAG, download_logs, content=ZIP, errors=_NONE),
    get(f"{_ONE}/scenario_runs", _TAG, scenario_runs, items="runs", errors=_NONE),
)
