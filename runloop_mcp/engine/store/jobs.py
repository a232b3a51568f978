"""Benchmark jobs in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.benchmark_job import (
    BenchmarkJobListParams,
    BenchmarkJobState,
    JobAgent,
    Orchestrator,
    OutcomeFailure,
)
from runloop_mcp.engine.store.paging import Filters, Listing

_COLUMNS = "id, name, principal, state, create_time_ms, end_time_ms, data"
_TRIAL_COLUMNS = "job_id, number, agent, scenario_id, state, run_id, data"
_LISTING = Listing("benchmark_jobs", _COLUMNS, "benchmark job")

_UNDER_WAY = (BenchmarkJobState.INITIALIZING, BenchmarkJobState.QUEUED, BenchmarkJobState.RUNNING)


class TrialState(StrEnum):
    """How far a trial is; the states of one that has ended are the wire's."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"


class JobData(BaseModel):
    """What a job keeps beside the columns that are searched."""

    model_config = ConfigDict(defer_build=True)

    source: dict[str, Any]
    agents: list[JobAgent]
    benchmark_run_ids: list[str]
    """One for each agent."""
    scenarios: dict[str, str]
    """Id of a scenario → its name, in order."""
    orchestrator: Orchestrator | None = None
    failure_reason: str | None = None


class JobRow(BaseModel):
    """A job as it is stored."""

    model_config = ConfigDict(defer_build=True)

    id: str
    name: str
    principal: str
    state: BenchmarkJobState
    create_time_ms: int
    end_time_ms: int | None = None
    data: JobData

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in _UNDER_WAY


class TrialData(BaseModel):
    """What a trial keeps beside its columns."""

    model_config = ConfigDict(defer_build=True)

    agent_starts: int = 0
    """How often the agent was started: more than once where a server ended while it was at work."""
    agent_ended: bool = False
    timed_out: bool = False
    """The agent's time was out."""
    failure: OutcomeFailure | None = None
    duration_ms: int | None = None
    score: float | None = None


class TrialRow(BaseModel):
    """A trial as it is stored."""

    model_config = ConfigDict(defer_build=True)

    job_id: str
    number: int
    agent: int
    scenario_id: str
    state: TrialState = TrialState.WAITING
    run_id: str | None = None
    data: TrialData = Field(default_factory=TrialData)

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in (TrialState.WAITING, TrialState.RUNNING)


def _row(values: tuple[object, ...]) -> JobRow:
    fields = dict(zip(_COLUMNS.split(", "), values, strict=True))
    return JobRow.model_validate({**fields, "data": JobData.model_validate_json(str(fields["data"]))})


def _trial(values: tuple[object, ...]) -> TrialRow:
    fields = dict(zip(_TRIAL_COLUMNS.split(", "), values, strict=True))
    return TrialRow.model_validate({**fields, "data": TrialData.model_validate_json(str(fields["data"]))})


def insert(connection: sqlite3.Connection, row: JobRow, trials: list[TrialRow]) -> None:
    """Keeps a new job with its trials."""
    connection.execute(
        f"INSERT INTO benchmark_jobs ({_COLUMNS}) VALUES (?,?,?,?,?,?,?)",  # noqa: S608 - constant column names
        (row.id, row.name, row.principal, row.state, row.create_time_ms, row.end_time_ms, _text(row.data)),
    )
    connection.executemany(
        f"INSERT INTO job_trials ({_TRIAL_COLUMNS}) VALUES (?,?,?,?,?,?,?)",  # noqa: S608 - constant column names
        [(each.job_id, each.number, each.agent, each.scenario_id, each.state, None, "{}") for each in trials],
    )


def save(connection: sqlite3.Connection, row: JobRow) -> None:
    """Keeps a job's state and data."""
    connection.execute(
        "UPDATE benchmark_jobs SET state = ?, end_time_ms = ?, data = ? WHERE id = ?",
        (row.state, row.end_time_ms, _text(row.data), row.id),
    )


def save_trial(connection: sqlite3.Connection, trial: TrialRow) -> None:
    """Keeps a trial's state, run and data."""
    connection.execute(
        "UPDATE job_trials SET state = ?, run_id = ?, data = ? WHERE job_id = ? AND number = ?",
        (trial.state, trial.run_id, _text(trial.data), trial.job_id, trial.number),
    )


def _text(data: BaseModel) -> str:
    return data.model_dump_json(exclude_none=True)


def get(connection: sqlite3.Connection, job_id: str) -> JobRow:
    """One job.

    Raises:
        NotFound: There is none with this id.
    """
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM benchmark_jobs WHERE id = ?",  # noqa: S608 - constant column names
        (job_id,),
    ).fetchone()
    if values is None:
        raise NotFound(
            f"There is no benchmark job {job_id!r}.",
            hint="Benchmark job ids begin with bmj_; list the benchmark jobs to see those there are.",
        )
    return _row(values)


def trials(connection: sqlite3.Connection, job_id: str) -> list[TrialRow]:
    """The trials of a job, in order."""
    found = connection.execute(
        f"SELECT {_TRIAL_COLUMNS} FROM job_trials WHERE job_id = ? ORDER BY number",  # noqa: S608 - constant column names
        (job_id,),
    ).fetchall()
    return [_trial(values) for values in found]


def page(connection: sqlite3.Connection, params: BenchmarkJobListParams) -> tuple[list[JobRow], int, bool]:
    """One page, newest first; how many match in all; and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names no job.
    """
    filters = Filters()
    filters.equal("name", params.name)
    rows, total, more = _LISTING.page(connection, filters, limit=params.limit, starting_after=params.starting_after)
    return [_row(values) for values in rows], total, more


def under_way(connection: sqlite3.Connection) -> list[str]:
    """The ids of the jobs that have not ended, the oldest first."""
    found = connection.execute(
        "SELECT id FROM benchmark_jobs WHERE state IN (?, ?, ?) ORDER BY number", _UNDER_WAY
    ).fetchall()
    return [row[0] for row in found]
