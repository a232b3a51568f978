"""Benchmarks: sets of scenarios."""

from typing import Final, Literal

from starlette.responses import Response

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
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.rest.archives import ZIP
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post
from runloop_mcp.rest.routes import benchmark_runs

_TAG: Final = "benchmarks"
_NONE: Final = "There is no such benchmark."


class PublicBenchmarkQuery(PageParams):
    """Which benchmarks to list: filters are combined."""

    name: str | None = None
    """The exact name."""
    search: str | None = None
    """Part of the name, description or id, in any case."""


class BenchmarkQuery(PublicBenchmarkQuery):
    """Which benchmarks to list: filters are combined."""

    status: Literal["active", "archived", "all"] = "active"
    """Of this server, beside the wire."""
    is_public: bool | None = None
    """Of this server, beside the wire."""

    def params(self) -> BenchmarkListParams:
        """Likewise, as the port takes it."""
        status = None if self.status == "all" else BenchmarkStatus(self.status)
        return BenchmarkListParams.model_construct(**dict(self) | {"status": status})


async def list_(call: Call, query: BenchmarkQuery) -> Page[BenchmarkView]:
    """Lists benchmarks, newest first."""
    return await call.backend.benchmarks.list(query.params())


async def list_public(call: Call, query: PublicBenchmarkQuery) -> Page[BenchmarkView]:
    """Lists the benchmarks that came with the program."""
    return await call.backend.benchmarks.list(BenchmarkListParams.model_construct(**dict(query), is_public=True))


async def create(call: Call, body: BenchmarkCreateParams) -> BenchmarkView:
    """Creates a benchmark."""
    return await call.backend.benchmarks.create(body, idempotency_key=call.idempotency_key)


async def retrieve(call: Call, benchmark_id: str) -> BenchmarkView:
    """Retrieves a benchmark."""
    return await call.backend.benchmarks.retrieve(benchmark_id)


async def update(call: Call, benchmark_id: str, body: BenchmarkUpdateParams) -> BenchmarkView:
    """Updates a benchmark.

    A field that is absent or null keeps its value, any other is replaced whole; an empty value clears it.
    """
    return await call.backend.benchmarks.update(benchmark_id, body)


async def update_scenarios(call: Call, benchmark_id: str, body: BenchmarkScenariosParams) -> BenchmarkView:
    """Adds scenarios to a benchmark, and takes others out of it."""
    return await call.backend.benchmarks.update_scenarios(benchmark_id, body)


async def archive(call: Call, benchmark_id: str) -> BenchmarkView:
    """Archives a benchmark.

    It leaves the lists and can't be started; its runs stay.
    """
    return await call.backend.benchmarks.archive(benchmark_id)


async def unarchive(call: Call, benchmark_id: str) -> BenchmarkView:
    """Unarchives a benchmark, so that it can be started again."""
    return await call.backend.benchmarks.unarchive(benchmark_id)


async def definitions(call: Call, benchmark_id: str, query: PageParams) -> Page[ScenarioView]:
    """Lists the scenarios of a benchmark, in its order."""
    return await call.backend.benchmarks.definitions(benchmark_id, query)


async def runs(call: Call, benchmark_id: str, query: PageParams) -> Page[BenchmarkRunView]:
    """Lists the runs of a benchmark, newest first."""
    await call.backend.benchmarks.retrieve(benchmark_id)
    params = BenchmarkRunListParams(limit=query.limit, starting_after=query.starting_after, benchmark_id=benchmark_id)
    return await call.backend.benchmark_runs.list(params)


async def start_run(call: Call, body: BenchmarkStartRunParams) -> BenchmarkRunView:
    """Starts a run of a benchmark.

    Its scenarios are started one by one, with its id as their `benchmark_run_id`.
    """
    return await call.backend.benchmarks.start_run(body, principal=call.principal, idempotency_key=call.idempotency_key)


async def download_run_logs(call: Call, benchmark_run_id: str) -> Response:
    """Downloads the logs of a run of a benchmark, as a zip archive."""
    return await benchmark_runs.download_logs(call, benchmark_run_id)


_ONE: Final = "/v1/benchmarks/{benchmark_id}"

ROUTES: Final = (
    get("/v1/benchmarks", _TAG, list_, items="benchmarks"),
    post("/v1/benchmarks", _TAG, create),
    get("/v1/benchmarks/list_public", _TAG, list_public, items="benchmarks"),
    post("/v1/benchmarks/start_run", _TAG, start_run, errors={404: _NONE}),
    post(
        "/v1/benchmarks/runs/{benchmark_run_id}/download_logs",
        _TAG,
        download_run_logs,
        content=ZIP,
        errors={404: "There is no such run."},
    ),
    get(_ONE, _TAG, retrieve, errors={404: _NONE}),
    post(_ONE, _TAG, update, errors={404: _NONE}),
    post(f"{_ONE}/archive", _TAG, archive, errors={403: "It came with the program.", 404: _NONE}),
    post(f"{_ONE}/unarchive", _TAG, unarchive, errors={403: "It came with the program.", 404: _NONE}),
    get(f"{_ONE}/definitions", _TAG, definitions, items="scenarios", errors={404: _NONE}),
    get(f"{_ONE}/runs", _TAG, runs, items="runs", errors={404: _NONE}),
    post(f"{_ONE}/scenarios", _TAG, update_scenarios, errors={404: _NONE}),
)
