"""The `BenchmarkJobs` port of the embedded engine."""

from sqlite3 import Connection

from runloop_mcp.api.access import LOCAL_OPERATOR, Principal
from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.groups.benchmarks import BenchmarkJobs
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.benchmark import BenchmarkRunState
from runloop_mcp.api.models.benchmark_job import (
    BenchmarkJobCreateParams,
    BenchmarkJobListParams,
    BenchmarkJobState,
    BenchmarkJobView,
)
from runloop_mcp.api.models.mounts import AgentMount
from runloop_mcp.api.models.run import RunProfile
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.devboxes.variables import refuse_bad_variables
from runloop_mcp.engine.jobs.resolve import Resolved, ResolvedAgent, resolve
from runloop_mcp.engine.jobs.runner import JobRunner
from runloop_mcp.engine.jobs.view import JobRecord, load, surround, view
from runloop_mcp.engine.runs.required import refuse_missing
from runloop_mcp.engine.store import benchmark_runs, idempotency, jobs
from runloop_mcp.engine.store.benchmark_runs import BenchmarkRunData, BenchmarkRunRow
from runloop_mcp.engine.store.jobs import JobData, JobRow, TrialRow

_MOST_TRIALS = 10_000


class EngineBenchmarkJobs(BenchmarkJobs):
    """Benchmark jobs of the embedded engine.

    Args:
        engine: Keeps them.
        runner: Carries them out.
    """

    def __init__(self, engine: EngineContext, runner: JobRunner) -> None:
        self._engine = engine
        self._runner = runner

    async def create(
        self,
        params: BenchmarkJobCreateParams,
        *,
        principal: Principal = LOCAL_OPERATOR,
        idempotency_key: str | None = None,
    ) -> BenchmarkJobView:
        """See `BenchmarkJobs.create`."""
        scope, database = f"create_job:{principal.id}", self._engine.database
        if idempotency_key is not None:
            # Looked up first: a request that comes again is answered though what it names is gone since.
            arguments = idempotency.fingerprint(params)
            made = await database.read(lambda c: idempotency.find(c, scope, idempotency_key, arguments))
            if made is not None:
                return await self.retrieve(made)
        resolved = await resolve(self._engine, params)
        for agent in resolved.agents:
            await self._refuse_missing(resolved, agent)
        job_id = new_id(IdPrefix.BENCHMARK_JOB)

        def work(connection: Connection) -> JobRecord:
            kept = idempotency.once(
                connection,
                scope,
                idempotency_key,
                params,
                target_id=job_id,
                now_ms=now_ms(),
                make=lambda: _insert(connection, job_id, resolved, principal),
            )
            return load(connection, kept)

        record = await database.write(work, durable=True)
        self._runner.begin(record.row.id)
        return view(record)

    async def _refuse_missing(self, resolved: Resolved, agent: ResolvedAgent) -> None:
        profile = _profile(agent)
        try:
            refuse_bad_variables(profile.env_vars or {}, profile.secrets or {})
            await refuse_missing(
                self._engine.secrets,
                profile,
                variables=resolved.required_environment_variables,
                secrets=resolved.required_secret_names,
            )
        except InvalidRequest as error:
            raise InvalidRequest(f"agent {agent.config.name!r}: {error.message}", hint=error.hint) from error

    async def retrieve(self, job_id: str) -> BenchmarkJobView:
        """See `BenchmarkJobs.retrieve`."""
        return view(await self._engine.database.read(lambda connection: load(connection, job_id)))

    async def list(self, params: BenchmarkJobListParams) -> Page[BenchmarkJobView]:
        """See `BenchmarkJobs.list`."""

        def work(connection: Connection) -> tuple[list[JobRecord], int, bool]:
            rows, total, more = jobs.page(connection, params)
            return [surround(connection, row) for row in rows], total, more

        records, total, more = await self._engine.database.read(work)
        return Page(items=[view(each) for each in records], has_more=more, total_count=total)


def _insert(connection: Connection, job_id: str, resolved: Resolved, principal: Principal) -> None:
    attempts = (resolved.orchestrator and resolved.orchestrator.n_attempts) or 1
    number = len(resolved.agents) * len(resolved.scenarios) * attempts
    if number > _MOST_TRIALS:  # before they are made: a thousand million of them would take all memory
        raise InvalidRequest(
            f"The job would have {number} trials, and may have {_MOST_TRIALS}.",
            hint="Name fewer agents, scenarios or attempts, or make several jobs of it.",
        )
    trials = [
        (agent, scenario_id)
        for agent in range(len(resolved.agents))
        for scenario_id in resolved.scenarios
        for _ in range(attempts)
    ]
    now = now_ms()
    run_ids = []
    for agent in resolved.agents:
        run = _benchmark_run(job_id, agent, resolved, principal, now)
        benchmark_runs.insert(connection, run)
        run_ids.append(run.id)
    row = JobRow(
        id=job_id,
        name=resolved.name,
        principal=principal.id,
        state=BenchmarkJobState.QUEUED,
        create_time_ms=now,
        data=JobData(
            source=resolved.source,
            agents=[agent.config for agent in resolved.agents],
            benchmark_run_ids=run_ids,
            scenarios=resolved.scenarios,
            orchestrator=resolved.orchestrator,
        ),
    )
    jobs.insert(
        connection,
        row,
        [
            TrialRow(job_id=job_id, number=number, agent=agent, scenario_id=scenario_id)
            for number, (agent, scenario_id) in enumerate(trials)
        ],
    )


def _benchmark_run(
    job_id: str, agent: ResolvedAgent, resolved: Resolved, principal: Principal, now: int
) -> BenchmarkRunRow:
    metadata = {"job": job_id, "agent": agent.config.name}
    if agent.config.model_name:
        metadata["model"] = agent.config.model_name
    return BenchmarkRunRow(
        id=new_id(IdPrefix.BENCHMARK_RUN),
        benchmark_id=resolved.benchmark_id,
        name=f"{resolved.name}: {agent.config.name}",
        principal=principal.id,
        state=BenchmarkRunState.RUNNING,
        start_time_ms=now,
        data=BenchmarkRunData(metadata=metadata, scenario_ids=list(resolved.scenarios), profile=_profile(agent)),
    )


def _profile(agent: ResolvedAgent) -> RunProfile:
    """What every run of an agent begins with: its environment, and the agent itself."""
    environment = agent.config.agent_environment
    return RunProfile(
        env_vars=environment.environment_variables if environment else None,
        secrets=environment.secrets if environment else None,
        mounts=[AgentMount(type="agent_mount", agent_id=agent.mounted)] if agent.mounted else None,
    )
