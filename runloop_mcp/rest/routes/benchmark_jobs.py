"""Benchmark jobs: agents that are set to solve scenarios."""

from typing import Final

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.benchmark_job import BenchmarkJobCreateParams, BenchmarkJobListParams, BenchmarkJobView
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post

_TAG: Final = "benchmark_jobs"


async def list_(call: Call, query: BenchmarkJobListParams) -> Page[BenchmarkJobView]:
    """Lists jobs, newest first."""
    return await call.backend.benchmark_jobs.list(query)


async def create(call: Call, body: BenchmarkJobCreateParams) -> BenchmarkJobView:
    """Begins a job: each agent solves each scenario."""
    return await call.backend.benchmark_jobs.create(
        body, principal=call.principal, idempotency_key=call.idempotency_key
    )


async def retrieve(call: Call, benchmark_job_id: str) -> BenchmarkJobView:
    """Retrieves a job."""
    return await call.backend.benchmark_jobs.retrieve(benchmark_job_id)


ROUTES: Final = (
    get("/v1/benchmark_jobs", _TAG, list_, items="jobs"),
    post("/v1/benchmark_jobs", _TAG, create),
    get("/v1/benchmark_jobs/{benchmark_job_id}", _TAG, retrieve, errors={404: "There is no such job."}),
)
