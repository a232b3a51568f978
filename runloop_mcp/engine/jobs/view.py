"""Benchmark jobs as the wire has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from sqlite3 import Connection

from runloop_mcp.api.models.benchmark_job import (
    BenchmarkJobView,
    BenchmarkOutcome,
    InProgressRun,
    ResolvedJobSpec,
    ScenarioOutcome,
)
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.store import benchmark_runs, jobs
from runloop_mcp.engine.store.benchmark_runs import BenchmarkRunRow
from runloop_mcp.engine.store.jobs import JobRow, TrialRow, TrialState


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with what its view needs of other tables."""

    row: JobRow
    trials: Sequence[TrialRow]
    benchmark_runs: Sequence[BenchmarkRunRow]
    """One for each agent."""


def load(connection: Connection, job_id: str) -> JobRecord:
    """One job with its surroundings.

    Raises:
        NotFound: There is none with this id.
    """
    return surround(connection, jobs.get(connection, job_id))


def surround(connection: Connection, row: JobRow) -> JobRecord:
    """A job's row with what its view needs of other tables."""
    runs = [benchmark_runs.get(connection, run_id) for run_id in row.data.benchmark_run_ids]
    return JobRecord(row, jobs.trials(connection, row.id), runs)


def view(record: JobRecord) -> BenchmarkJobView:
    """A job as callers see it: an outcome for each agent that is done, and what the others are at."""
    row, data = record.row, record.row.data
    outcomes, in_progress = [], []
    for number, run in enumerate(record.benchmark_runs):
        trials = [trial for trial in record.trials if trial.agent == number]
        if row.ended or all(trial.ended for trial in trials):
            outcomes.append(_outcome(row, number, run, [trial for trial in trials if trial.ended]))
        else:
            in_progress.append(
                InProgressRun(
                    benchmark_run_id=run.id,
                    start_time_ms=run.start_time_ms,
                    state=run.state,
                    agent_config=data.agents[number],
                    duration_ms=(run.end_time_ms or now_ms()) - run.start_time_ms,
                )
            )
    return BenchmarkJobView(
        id=row.id,
        name=row.name,
        state=row.state,
        create_time_ms=row.create_time_ms,
        benchmark_outcomes=outcomes,
        failure_reason=data.failure_reason,
        in_progress_runs=in_progress,
        job_source=data.source,
        job_spec=ResolvedJobSpec(
            agent_configs=data.agents, scenario_ids=list(data.scenarios), orchestrator_config=data.orchestrator
        ),
    )


def _outcome(row: JobRow, number: int, run: BenchmarkRunRow, trials: Sequence[TrialRow]) -> BenchmarkOutcome:
    states = [trial.state for trial in trials]
    return BenchmarkOutcome(
        agent_name=row.data.agents[number].name,
        model_name=row.data.agents[number].model_name,
        benchmark_run_id=run.id,
        n_completed=states.count(TrialState.COMPLETED),
        n_failed=states.count(TrialState.FAILED),
        n_timeout=states.count(TrialState.TIMEOUT),
        average_score=fsum(trial.data.score or 0 for trial in trials) / len(trials) if trials else None,
        duration_ms=(run.end_time_ms or row.end_time_ms or now_ms()) - run.start_time_ms,
        scenario_outcomes=[
            ScenarioOutcome(
                scenario_definition_id=trial.scenario_id,
                scenario_name=row.data.scenarios[trial.scenario_id],
                state=trial.state,
                duration_ms=trial.data.duration_ms,
                failure_reason=trial.data.failure,
                scenario_run_id=trial.run_id,
                score=trial.data.score,
            )
            for trial in trials
        ],
    )
