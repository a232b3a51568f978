"""Runs of benchmarks in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3
from collections import Counter
from dataclasses import dataclass
from math import fsum

from pydantic import BaseModel, ConfigDict, Field

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.benchmark import BenchmarkRunListParams, BenchmarkRunState, BenchmarkRunView
from runloop_mcp.api.models.run import RunProfile, RunState
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.store.paging import Filters, Listing

_COLUMNS = "id, benchmark_id, name, principal, state, start_time_ms, end_time_ms, score, data"
_LISTING = Listing("benchmark_runs", _COLUMNS, "benchmark run")
_OF_RUN = "json_extract(data, '$.benchmark_run_id') = ?"


class BenchmarkRunData(BaseModel):
    """What a run of a benchmark keeps beside the columns that are searched."""

    model_config = ConfigDict(defer_build=True)

    metadata: dict[str, str] = Field(default_factory=dict)
    scenario_ids: list[str]
    """The scenarios of the benchmark as they were when it started."""
    profile: RunProfile = Field(default_factory=RunProfile)
    """What runs of its scenarios begin with, where they say nothing else."""


class BenchmarkRunRow(BaseModel):
    """A run of a benchmark as it is stored."""

    model_config = ConfigDict(defer_build=True)

    id: str
    benchmark_id: str | None
    name: str | None
    principal: str
    state: BenchmarkRunState
    start_time_ms: int
    end_time_ms: int | None = None
    score: float | None = None
    data: BenchmarkRunData

    def view(self) -> BenchmarkRunView:
        """As callers see it."""
        profile = self.data.profile
        return BenchmarkRunView(
            id=self.id,
            benchmark_id=self.benchmark_id,
            state=self.state,
            name=self.name,
            metadata=self.data.metadata,
            start_time_ms=self.start_time_ms,
            duration_ms=(self.end_time_ms or now_ms()) - self.start_time_ms,
            environment_variables=profile.env_vars,
            secrets_provided=profile.secrets,
            purpose=profile.purpose,
            score=self.score,
            x_principal=self.principal,
            x_scenario_ids=self.data.scenario_ids,
        )


def _row(values: tuple[object, ...]) -> BenchmarkRunRow:
    fields = dict(zip(_COLUMNS.split(", "), values, strict=True))
    data = BenchmarkRunData.model_validate_json(str(fields["data"]))
    return BenchmarkRunRow.model_validate({**fields, "data": data})


def insert(connection: sqlite3.Connection, row: BenchmarkRunRow) -> None:
    """Keeps a new run."""
    connection.execute(
        f"INSERT INTO benchmark_runs ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)",  # noqa: S608 - constant column names
        (
            row.id,
            row.benchmark_id,
            row.name,
            row.principal,
            row.state,
            row.start_time_ms,
            row.end_time_ms,
            row.score,
            row.data.model_dump_json(exclude_none=True),
        ),
    )


def end(connection: sqlite3.Connection, row: BenchmarkRunRow, state: BenchmarkRunState, *, now_ms: int) -> None:
    """Ends a run, with the score that it has then."""
    row.state, row.end_time_ms = state, now_ms
    connection.execute(
        "UPDATE benchmark_runs SET state = ?, end_time_ms = ?, score = ? WHERE id = ?",
        (row.state, row.end_time_ms, row.score, row.id),
    )


def get(connection: sqlite3.Connection, run_id: str) -> BenchmarkRunRow:
    """One run.

    Raises:
        NotFound: There is none with this id.
    """
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM benchmark_runs WHERE id = ?",  # noqa: S608 - constant column names
        (run_id,),
    ).fetchone()
    if values is None:
        raise NotFound(
            f"There is no benchmark run {run_id!r}.",
            hint="Benchmark run ids begin with bmr_; list the benchmark runs to see those there are.",
        )
    return _row(values)


def page(connection: sqlite3.Connection, params: BenchmarkRunListParams) -> tuple[list[BenchmarkRunRow], int, bool]:
    """One page, newest first; how many match in all; and whether there are more.

    Raises:
        InvalidRequest: `starting_after` names no run, or `state` is none.
    """
    if params.state is not None and params.state not in set(BenchmarkRunState):
        raise InvalidRequest(
            f"{params.state!r} is no state of a benchmark run.",
            hint=f"The states are {', '.join(BenchmarkRunState)}.",
        )
    filters = Filters()
    filters.equal("name", params.name)
    filters.equal("benchmark_id", params.benchmark_id)
    filters.equal("state", params.state)
    rows, total, more = _LISTING.page(connection, filters, limit=params.limit, starting_after=params.starting_after)
    return [_row(values) for values in rows], total, more


@dataclass(frozen=True, slots=True)
class Standing:
    """How the runs of a benchmark run's scenarios stand."""

    states: Counter[RunState]
    mean: float | None
    """The mean of their scores, where one without a score counts 0; None where there is none."""


def standing(connection: sqlite3.Connection, run_id: str) -> Standing:
    """How the runs of the scenarios stand."""
    rows = connection.execute(
        f"SELECT state, coalesce(json_extract(result, '$.score'), 0) FROM runs WHERE {_OF_RUN}",  # noqa: S608 - constants
        (run_id,),
    ).fetchall()
    return Standing(
        Counter(RunState(state) for state, _ in rows), fsum(score for _, score in rows) / len(rows) if rows else None
    )


def scenario_runs(connection: sqlite3.Connection, run_id: str) -> list[tuple[str, RunState]]:
    """The runs of its scenarios with their states, in the order in which they were started."""
    found = connection.execute(
        f"SELECT id, state FROM runs WHERE {_OF_RUN} ORDER BY sequence",  # noqa: S608 - constants
        (run_id,),
    ).fetchall()
    return [(scenario_run, RunState(state)) for scenario_run, state in found]
