"""Runs in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import RunListParams, RunState
from runloop_mcp.api.models.scoring import Disclosure, ScoringContractResult, ScoringMode
from runloop_mcp.api.models.trust import SealedHashes, TamperReport
from runloop_mcp.api.trace import EventKind
from runloop_mcp.engine.runs.states import Move, next_state
from runloop_mcp.engine.store import events
from runloop_mcp.engine.store.paging import containing

_COLUMNS = (
    "id, scenario_id, devbox_id, principal, attempt, state, name, start_time_ms, end_time_ms, expires_ms, data, result"
)

NEVER_MS = 253_402_300_799_000
"""The end of the year 9999."""


class RunData(BaseModel):
    """What a run keeps beside the columns that are searched."""

    model_config = ConfigDict(defer_build=True)

    scenario_version: str
    """The row of `scenario_versions` that holds the scenario as it was when the run started."""
    metadata: dict[str, str] = Field(default_factory=dict)
    purpose: str | None = None
    benchmark_run_id: str | None = None
    environment_variables: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    """Environment variable → name of the secret; the values are never kept with a run."""
    working_directory: str
    environment_hash: str
    scenario_environment_hash: str | None = None
    """The scenario's alone, where the run adds something to it."""
    isolation: str
    disclosure: Disclosure = Disclosure.NAMED
    scoring: ScoringMode = ScoringMode.CLEAN
    """The mode that the scenario asks for."""
    commands_limit: int | None = None
    attempts_limit: int | None = None
    keep_alive_seconds: int | None = 3600
    """How long it may take, from when its devbox need wait no longer; None where nothing limits that."""
    begin_ms: int | None = None
    """When its time began, where that was not when it was started: its devbox had to wait."""
    scoring_mode: ScoringMode | None = None
    """The mode in which it was scored."""
    notes: list[str] = Field(default_factory=list)
    restored_files: list[str] = Field(default_factory=list)
    sealed: SealedHashes | None = None
    """What the score depends on, as it was at the start; None for a run of before there were such."""
    files_key: str | None = None
    """Names the files that the environment laid out."""
    tamper: TamperReport | None = None
    """What the solver did beside its answer, seen when the disk was frozen that is scored."""
    broken_scorings: int = 0
    """How often what is scored kept it from being scored."""


@dataclass(slots=True)
class RunRow:
    """A run as it is stored."""

    id: str
    scenario_id: str
    devbox_id: str
    principal: str
    attempt: int
    state: RunState
    name: str | None
    start_time_ms: int
    end_time_ms: int | None
    expires_ms: int | None
    """When its time runs out, in UTC milliseconds; None while its devbox waits in the queue, before its time begins."""
    data: RunData
    result: ScoringContractResult | None


def _row(values: Sequence[Any]) -> RunRow:
    return RunRow(
        id=values[0],
        scenario_id=values[1],
        devbox_id=values[2],
        principal=values[3],
        attempt=values[4],
        state=RunState(values[5]),
        name=values[6],
        start_time_ms=values[7],
        end_time_ms=values[8],
        expires_ms=values[9],
        data=RunData.model_validate_json(values[10]),
        result=None if values[11] is None else ScoringContractResult.model_validate_json(values[11]),
    )


def insert(connection: sqlite3.Connection, row: RunRow) -> None:
    """Keeps a new run."""
    connection.execute(
        f"INSERT INTO runs ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - constant column names
        (
            row.id,
            row.scenario_id,
            row.devbox_id,
            row.principal,
            row.attempt,
            row.state,
            row.name,
            row.start_time_ms,
            row.end_time_ms,
            row.expires_ms,
            row.data.model_dump_json(),
            row.result.model_dump_json() if row.result else None,
        ),
    )


def get(connection: sqlite3.Connection, run_id: str) -> RunRow:
    """One run.

    Raises:
        NotFound: There is none with this id.
    """
    values = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE id = ?",  # noqa: S608 - constant column names
        (run_id,),
    ).fetchone()
    if values is None:
        raise NotFound(
            f"There is no run {run_id!r}.", hint="Run ids begin with scr_; list the runs to see those there are."
        )
    return _row(values)


def of_devbox(connection: sqlite3.Connection, devbox_id: str) -> RunRow:
    """The run that a devbox belongs to.

    Raises:
        NotFound: There is no such devbox, or it belongs to none.
    """
    found = connection.execute("SELECT run_id FROM devboxes WHERE id = ?", (devbox_id,)).fetchone()
    return get(connection, str(found[0]) if found else "")


def move(
    connection: sqlite3.Connection,
    run_id: str,
    step: Move,
    *,
    now_ms: int,
    change: Callable[[RunData], None] | None = None,
    reason: str | None = None,
    result: ScoringContractResult | None = None,
) -> RunRow:
    """Carries out a move of the state machine, and records it, in one transaction.

    Args:
        connection: The writing connection.
        run_id: The run.
        step: The move.
        now_ms: When.
        change: What changes in the run's data with it.
        reason: Why, where that is to be told: becomes a note of the run.
        result: What scoring gave.

    Raises:
        NotFound: There is no such run.
        InvalidState: The move is not possible from the run's state.
    """
    row = get(connection, run_id)
    row.state = next_state(row.state, step)
    if row.state not in (RunState.RUNNING, RunState.SCORING):
        row.end_time_ms = row.end_time_ms or now_ms
    if change is not None:
        change(row.data)
    if reason is not None:
        row.data.notes.append(reason)
    row.result = result or row.result
    connection.execute(
        "UPDATE runs SET state = ?, end_time_ms = ?, data = ?, result = ? WHERE id = ?",
        (
            row.state,
            row.end_time_ms,
            row.data.model_dump_json(),
            row.result.model_dump_json() if row.result else None,
            run_id,
        ),
    )
    if result is not None:
        events.append(connection, run_id, EventKind.SCORE, now_ms, _told(result, row.data))
    data: dict[str, object] = {"move": step, "state": row.state}
    events.append(connection, run_id, EventKind.STATE, now_ms, data if reason is None else {**data, "reason": reason})
    return row


def keep_tamper(connection: sqlite3.Connection, run_id: str, report: TamperReport) -> None:
    """Keeps what was seen when a run's disk was frozen."""
    row = get(connection, run_id)
    row.data.tamper = report
    connection.execute("UPDATE runs SET data = ? WHERE id = ?", (row.data.model_dump_json(), run_id))


def begin(connection: sqlite3.Connection, run_id: str, *, now_ms: int) -> None:
    """Begins the time of a run, unless it has begun."""
    row = get(connection, run_id)
    if row.expires_ms is None:
        row.data.begin_ms = now_ms
        connection.execute(
            "UPDATE runs SET expires_ms = ?, data = ? WHERE id = ?",
            (expiry(row.data, now_ms), row.data.model_dump_json(), run_id),
        )


def _told(result: ScoringContractResult, data: RunData) -> dict[str, object]:
    """A result as the record has it: without what the scorers printed, which is kept with the run."""
    functions = [
        {
            "name": function.scoring_function_name,
            "score": function.score,
            "weight": function.x_weight,
            "state": function.state,
            "duration_ms": function.x_duration_ms,
        }
        for function in result.scoring_function_results
    ]
    return {
        "score": result.score,
        "complete": result.x_complete,
        "mode": data.scoring_mode,
        "functions": functions,
        "restored_files": data.restored_files,
        "tamper_report": data.tamper.model_dump(mode="json", exclude_none=True) if data.tamper else None,
    }


def expiry(data: RunData, begin_ms: int) -> int:
    """When the time of a run is out that begins now."""
    return NEVER_MS if data.keep_alive_seconds is None else begin_ms + data.keep_alive_seconds * 1000


def note(connection: sqlite3.Connection, run_id: str, text: str, *, now_ms: int) -> RunRow:
    """Adds a note to a run and to its record."""
    row = get(connection, run_id)
    row.data.notes.append(text)
    connection.execute("UPDATE runs SET data = ? WHERE id = ?", (row.data.model_dump_json(), run_id))
    events.append(connection, run_id, EventKind.NOTE, now_ms, {"text": text})
    return row


def count_attempts(connection: sqlite3.Connection, scenario_id: str, principal: str) -> int:
    """How many runs of a scenario a principal has started."""
    (count,) = connection.execute(
        "SELECT count(*) FROM runs WHERE scenario_id = ? AND principal = ?", (scenario_id, principal)
    ).fetchone()
    return int(count)


def with_devbox(
    connection: sqlite3.Connection, statuses: Collection[DevboxStatus]
) -> list[tuple[RunRow, DevboxStatus]]:
    """The runs whose devbox has one of these statuses, each with its devbox's."""
    columns = ", ".join(f"runs.{name.strip()}" for name in _COLUMNS.split(","))
    marks = ",".join("?" * len(statuses))
    rows = connection.execute(
        f"SELECT devboxes.status, {columns} FROM devboxes"  # noqa: S608 - constant column names
        f" JOIN runs ON runs.devbox_id = devboxes.id WHERE devboxes.status IN ({marks})",
        list(statuses),
    ).fetchall()
    return [(_row(row[1:]), DevboxStatus(row[0])) for row in rows]


def next_expiry(connection: sqlite3.Connection, now_ms: int) -> int | None:
    """When the time of the next running run is out, in UTC milliseconds."""
    (soonest,) = connection.execute(
        "SELECT min(expires_ms) FROM runs WHERE state = ? AND expires_ms > ?", (RunState.RUNNING, now_ms)
    ).fetchone()
    return None if soonest is None else int(soonest)


def page(
    connection: sqlite3.Connection, params: RunListParams, principal: str | None = None
) -> tuple[list[RunRow], int, bool]:
    """One page of runs, newest first, how many match in all, and whether more follow.

    Args:
        connection: The store.
        params: Which page of which runs.
        principal: The id of the principal that started them; None for those of all.

    Raises:
        InvalidRequest: `starting_after` names no run, or `state` is none.
    """
    clauses: list[str] = []
    values: list[object] = []
    for column in ("name", "scenario_id"):
        wanted = getattr(params, column)
        if wanted is not None:
            clauses.append(f"{column} = ?")
            values.append(wanted)
    if principal is not None:
        clauses.append("principal = ?")
        values.append(principal)
    if params.state is not None:
        if params.state not in set(RunState):
            raise InvalidRequest(
                f"{params.state!r} is no state of a run.", hint=f"The states are {', '.join(RunState)}."
            )
        clauses.append("state = ?")
        values.append(params.state)
    if params.benchmark_run_id is not None:
        clauses.append("json_extract(data, '$.benchmark_run_id') = ?")
        values.append(params.benchmark_run_id)
    for word in (params.search or "").split():
        clauses.append("(id || ' ' || scenario_id || ' ' || coalesce(name, '')) LIKE ? ESCAPE '\\'")
        values.append(containing(word))
    where = " WHERE " + " AND ".join(clauses) if clauses else ""
    (total,) = connection.execute(f"SELECT count(*) FROM runs{where}", values).fetchone()  # noqa: S608 - values are bound
    if params.starting_after is not None:
        after = connection.execute("SELECT sequence FROM runs WHERE id = ?", (params.starting_after,)).fetchone()
        if after is None:
            raise InvalidRequest(
                f"There is no run {params.starting_after!r} to start after.",
                hint="Pass the id of the last run of the page before.",
            )
        where += (" AND " if clauses else " WHERE ") + "sequence < ?"
        values.append(after[0])
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM runs{where} ORDER BY sequence DESC LIMIT ?",  # noqa: S608 - constant column names
        [*values, params.limit + 1],
    ).fetchall()
    return [_row(row) for row in found[: params.limit]], int(total), len(found) > params.limit
