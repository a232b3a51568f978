"""The `Benchmarks` port of the embedded engine."""

from collections.abc import Iterable
from sqlite3 import Connection

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.errors import InvalidRequest, InvalidState
from runloop_mcp.api.groups.benchmarks import Benchmarks
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.benchmark import (
    BenchmarkCreateParams,
    BenchmarkListParams,
    BenchmarkRunState,
    BenchmarkRunView,
    BenchmarkScenariosParams,
    BenchmarkStartRunParams,
    BenchmarkStatus,
    BenchmarkUpdateParams,
    BenchmarkView,
)
from runloop_mcp.api.models.run import RunProfile
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.variables import refuse_bad_variables
from runloop_mcp.engine.runs.required import refuse_missing
from runloop_mcp.engine.scenarios.requirements import marked
from runloop_mcp.engine.store import benchmark_runs, benchmarks, idempotency
from runloop_mcp.engine.store.benchmark_runs import BenchmarkRunData, BenchmarkRunRow
from runloop_mcp.engine.store.benchmarks import BenchmarkData, BenchmarkRow

_REPLACED = ("metadata", "attribution", "description", "required_environment_variables", "required_secret_names")


class EngineBenchmarks(Benchmarks):
    """Benchmarks of the embedded engine."""

    def __init__(self, engine: EngineContext) -> None:
        self._engine = engine

    async def create(self, params: BenchmarkCreateParams, *, idempotency_key: str | None = None) -> BenchmarkView:
        """See `Benchmarks.create`."""
        _refuse_blank(params.name)
        await self._refuse_unknown(params.scenario_ids or ())
        row = BenchmarkRow(
            id=new_id(IdPrefix.BENCHMARK),
            name=params.name,
            status=BenchmarkStatus.ACTIVE,
            scenario_ids=_each_once(params.scenario_ids or ()),
            data=BenchmarkData.model_validate({name: getattr(params, name) or None for name in _REPLACED[1:]}),
        )
        row.data.metadata = params.metadata or {}

        def work(connection: Connection) -> BenchmarkRow:
            made = idempotency.once(
                connection,
                "create_benchmark",
                idempotency_key,
                params,
                target_id=row.id,
                now_ms=now_ms(),
                make=lambda: benchmarks.save(connection, row),
            )
            return benchmarks.get(connection, made)

        return (await self._engine.database.write(work)).view()

    async def retrieve(self, benchmark_id: str) -> BenchmarkView:
        """See `Benchmarks.retrieve`."""
        return (await self._row(benchmark_id)).view()

    async def update(self, benchmark_id: str, params: BenchmarkUpdateParams) -> BenchmarkView:
        """See `Benchmarks.update`."""
        if params.name is not None:
            _refuse_blank(params.name)
        await self._refuse_unknown(params.scenario_ids or ())

        def work(connection: Connection) -> BenchmarkRow:
            row = benchmarks.get(connection, benchmark_id)
            row.name = row.name if params.name is None else params.name
            if params.scenario_ids is not None:
                row.scenario_ids = _each_once(params.scenario_ids)
            for name in _REPLACED:
                given = getattr(params, name)
                if given is not None:
                    setattr(row.data, name, given or ({} if name == "metadata" else None))
            benchmarks.save(connection, row)
            return row

        return (await self._engine.database.write(work)).view()

    async def update_scenarios(self, benchmark_id: str, params: BenchmarkScenariosParams) -> BenchmarkView:
        """See `Benchmarks.update_scenarios`."""
        await self._refuse_unknown(params.scenarios_to_add or ())
        leaving = set(params.scenarios_to_remove or ())

        def work(connection: Connection) -> BenchmarkRow:
            row = benchmarks.get(connection, benchmark_id)
            staying = [scenario_id for scenario_id in row.scenario_ids if scenario_id not in leaving]
            row.scenario_ids = _each_once([*staying, *(params.scenarios_to_add or ())])
            benchmarks.save(connection, row)
            return row

        return (await self._engine.database.write(work)).view()

    async def list(self, params: BenchmarkListParams) -> Page[BenchmarkView]:
        """See `Benchmarks.list`."""
        rows, total, more = await self._engine.database.page(benchmarks.page, params)
        return Page(items=[row.view() for row in rows], has_more=more, total_count=total)

    async def archive(self, benchmark_id: str) -> BenchmarkView:
        """See `Benchmarks.archive`."""
        return await self._set_status(benchmark_id, BenchmarkStatus.ARCHIVED)

    async def unarchive(self, benchmark_id: str) -> BenchmarkView:
        """See `Benchmarks.unarchive`."""
        return await self._set_status(benchmark_id, BenchmarkStatus.ACTIVE)

    async def definitions(self, benchmark_id: str, params: PageParams) -> Page[ScenarioView]:
        """See `Benchmarks.definitions`."""
        row = await self._row(benchmark_id)
        ids, more = benchmarks.page_of_scenarios(row, limit=params.limit, starting_after=params.starting_after)
        found = await self._engine.library.find(ids)
        views = await marked([found[scenario_id] for scenario_id in ids], self._engine.driver)
        return Page(items=views, has_more=more, total_count=len(row.scenario_ids))

    async def start_run(
        self,
        params: BenchmarkStartRunParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> BenchmarkRunView:
        """See `Benchmarks.start_run`."""
        scope, database = f"start_benchmark_run:{principal.id}", self._engine.database
        if idempotency_key is not None:
            # Looked up first: a request that comes again is answered though the benchmark has changed since.
            arguments = idempotency.fingerprint(params)
            started = await database.read(lambda c: idempotency.find(c, scope, idempotency_key, arguments))
            if started is not None:
                return (await database.read(lambda c: benchmark_runs.get(c, started))).view()
        benchmark = await self._row(params.benchmark_id)
        profile = params.run_profile or RunProfile()
        refuse_bad_variables(profile.env_vars or {}, profile.secrets or {})
        await refuse_missing(
            self._engine.secrets,
            profile,
            variables=benchmark.data.required_environment_variables,
            secrets=benchmark.data.required_secret_names,
        )
        profile = await self._settled(profile)
        run_id = new_id(IdPrefix.BENCHMARK_RUN)

        def begin(connection: Connection) -> None:
            current = benchmarks.get(connection, params.benchmark_id)
            if current.status is BenchmarkStatus.ARCHIVED:
                raise InvalidState(
                    f"The benchmark {current.name!r} is archived, so it can't be started.",
                    hint="Unarchive it, or list the benchmarks for those that can.",
                )
            data = BenchmarkRunData(metadata=params.metadata or {}, scenario_ids=current.scenario_ids, profile=profile)
            benchmark_runs.insert(
                connection,
                BenchmarkRunRow(
                    id=run_id,
                    benchmark_id=current.id,
                    name=params.run_name,
                    principal=principal.id,
                    state=BenchmarkRunState.RUNNING,
                    start_time_ms=now_ms(),
                    data=data,
                ),
            )

        def work(connection: Connection) -> BenchmarkRunRow:
            started = idempotency.once(
                connection,
                scope,
                idempotency_key,
                params,
                target_id=run_id,
                now_ms=now_ms(),
                make=lambda: begin(connection),
            )
            return benchmark_runs.get(connection, started)

        return (await database.write(work, durable=True)).view()

    async def _settled(self, profile: RunProfile) -> RunProfile:
        """What is kept with a run of a benchmark, which outlives the request."""
        settled = await self._engine.mounting.settled(profile.mounts or ())
        if self._engine.mounting.secrets(settled):
            raise InvalidRequest(
                "A run of a benchmark is kept, and tokens of mounts are kept nowhere.",
                hint="Leave the mount out here, and give it with the run of each scenario.",
            )
        return profile.model_copy(update={"mounts": settled or None})

    async def _row(self, benchmark_id: str) -> BenchmarkRow:
        return await self._engine.database.look(lambda connection: benchmarks.get(connection, benchmark_id))

    async def _set_status(self, benchmark_id: str, status: BenchmarkStatus) -> BenchmarkView:
        def work(connection: Connection) -> BenchmarkRow:
            row = benchmarks.get(connection, benchmark_id)
            row.status = status
            benchmarks.save(connection, row)
            return row

        return (await self._engine.database.write(work)).view()

    async def _refuse_unknown(self, scenario_ids: Iterable[str]) -> None:
        ids = _each_once(scenario_ids)
        found = await self._engine.library.find(ids)
        unknown = [scenario_id for scenario_id in ids if scenario_id not in found]
        if unknown:
            raise InvalidRequest(
                f"There are no scenarios {', '.join(map(repr, unknown))}.",
                hint="Scenario ids begin with scn_; list the scenarios to see those there are.",
            )


def _each_once(ids: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(ids))


def _refuse_blank(name: str) -> None:
    if not name.strip():
        raise InvalidRequest("The name of a benchmark can't be blank.", hint="Give it one.")
