"""Carries jobs out, in tasks of the engine's: one server at a time has a job, and another one carries it on."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio
from anyio import to_thread

from runloop_mcp.api.errors import ApiError, Conflict, InvalidState
from runloop_mcp.api.models.benchmark import BenchmarkRunState
from runloop_mcp.api.models.benchmark_job import BenchmarkJobState
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.context import EngineContext
from runloop_mcp.engine.jobs.trial import Ports, Trial
from runloop_mcp.engine.store import jobs
from runloop_mcp.engine.store.jobs import JobRow, TrialRow

logger = logging.getLogger(__name__)

_AT_ONCE = 4
"""How many trials of a job are under way at a time where it does not say."""


@dataclass(slots=True)
class _Work:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)


class JobRunner:
    """The jobs that this server carries out.

    Args:
        engine: Keeps them.
        ports: What trials are carried out with.
    """

    def __init__(self, engine: EngineContext, ports: Ports) -> None:
        self._engine = engine
        self._ports = ports
        self._working: dict[str, _Work] = {}
        self._closing = False

    def begin(self, job_id: str) -> None:
        """Carries a job out, or on, in the background, unless that is under way here or on another server."""
        if job_id not in self._working and not self._closing:
            work = self._working[job_id] = _Work()
            self._engine.tasks.start_soon(self._work, job_id, work)

    async def look_after(self) -> None:
        """Carries on what a server that ended was at."""
        for job_id in await self._engine.database.read(jobs.under_way):
            self.begin(job_id)

    async def stop_all(self) -> None:
        """Stops all work on jobs, which another server carries on; their runs go on meanwhile."""
        self._closing = True
        for work in list(self._working.values()):
            work.scope.cancel()
            await work.done.wait()

    async def _work(self, job_id: str, work: _Work) -> None:
        lock = self._engine.keeper.lock(job_id, taken="Another runloop-mcp server carries this job out")
        try:
            with work.scope:
                try:
                    await to_thread.run_sync(lock.acquire)
                except Conflict:
                    return
                await self._carry_out(job_id)
        except* ApiError as errors:
            # The store refuses, or the like: the job is as it was kept last, and is looked after again.
            logger.warning("The benchmark job %s is interrupted, and is tried again: %s", job_id, errors.exceptions[0])
        except* Exception:
            # The boundary of a background task: a defect of ours must not end the server. It is told in the job.
            logger.exception("The benchmark job %s failed", job_id)
            await self._fail(job_id, "It failed by an error of ours; see the server's log.")
        finally:
            lock.release(forget=True)
            del self._working[job_id]
            work.done.set()

    async def _carry_out(self, job_id: str) -> None:
        job, trials = await self._engine.database.read(
            lambda connection: (jobs.get(connection, job_id), jobs.trials(connection, job_id))
        )
        if job.ended:
            return
        if job.state is not BenchmarkJobState.RUNNING:
            job.state = BenchmarkJobState.RUNNING
            await self._keep(job)
        left = iter([trial for trial in trials if not trial.ended])
        at_once = (job.data.orchestrator and job.data.orchestrator.n_concurrent_trials) or _AT_ONCE
        async with anyio.create_task_group() as tasks:
            for _ in range(min(at_once, len(trials))):
                tasks.start_soon(self._take_trials, job, trials, left)
        await self._finish(job)

    async def _take_trials(self, job: JobRow, trials: list[TrialRow], left: Iterator[TrialRow]) -> None:
        for trial in left:
            usual = self._engine.settings.keep_alive_seconds
            await Trial(self._engine.database, self._ports, job, trial, usual_run_seconds=usual).carry_out()
            if all(each.ended for each in trials if each.agent == trial.agent):
                await self._finish_agent(job, trial.agent)
            self._engine.changes.notify(job.id)

    async def _finish_agent(self, job: JobRow, agent: int) -> None:
        try:
            await self._ports.benchmark_runs.complete(job.data.benchmark_run_ids[agent])
        except InvalidState as error:
            # Canceled, or one of its runs could not be ended: its trials tell.
            logger.info("The benchmark run of agent %s of job %s is not completed: %s", agent, job.id, error)

    async def _finish(self, job: JobRow) -> None:
        states = []
        for agent, run_id in enumerate(job.data.benchmark_run_ids):
            await self._finish_agent(job, agent)  # again, where a server ended between the last trial and this
            states.append((await self._ports.benchmark_runs.retrieve(run_id)).state)
        canceled = all(state == BenchmarkRunState.CANCELED for state in states)
        job.state = BenchmarkJobState.CANCELLED if canceled else BenchmarkJobState.COMPLETED
        job.end_time_ms = now_ms()
        await self._keep(job)

    async def _fail(self, job_id: str, reason: str) -> None:
        try:
            job = await self._engine.database.read(lambda connection: jobs.get(connection, job_id))
            job.state, job.end_time_ms, job.data.failure_reason = BenchmarkJobState.FAILED, now_ms(), reason
            await self._keep(job)
        except ApiError as error:
            logger.warning("That benchmark job %s failed can't be kept: %s", job_id, error)

    async def _keep(self, job: JobRow) -> None:
        await self._engine.database.write(lambda connection: jobs.save(connection, job))
        self._engine.changes.notify(job.id)
