"""Executions in the database. Every function runs on the database's threads, inside its transaction."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.devbox import ExecutionDetails, ExecutionStatus


class KeptOutput(BaseModel):
    """Where one stream of an execution is kept."""

    model_config = ConfigDict(defer_build=True)

    inline: str | None = None
    """All of it in base 64, where it is small; otherwise it is a file."""
    total_bytes: int = 0
    dropped_bytes: int = 0


class KeptCall(BaseModel):
    """The call of a tool that an execution was made by, for the run's record; its command is the execution's."""

    model_config = ConfigDict(defer_build=True)

    tool: str
    arguments: dict[str, object]
    principal: str
    start_time_ms: int


class ExecutionData(BaseModel):
    """What an execution keeps beside the columns that are searched."""

    model_config = ConfigDict(defer_build=True)

    details: ExecutionDetails
    call: KeptCall | None = None
    """Kept here where the call had not returned before the execution ended: one commit is then enough for both."""
    stdout: KeptOutput = Field(default_factory=KeptOutput)
    stderr: KeptOutput = Field(default_factory=KeptOutput)
    last_n: int | None = None
    shell_name: str | None = None


class ExecutionRow(BaseModel):
    """An execution as it is stored."""

    model_config = ConfigDict(defer_build=True)

    id: str
    devbox_id: str
    status: ExecutionStatus
    exit_status: int | None
    start_time_ms: int
    end_time_ms: int | None
    data: ExecutionData


Values = tuple[str, str, str, int | None, int, int | None, str, int]
"""An execution as it stands, for another thread to keep while it goes on, and how many events of the record it is."""


def values_of(row: ExecutionRow) -> Values:
    """The execution as it stands."""
    data = row.data.model_dump_json()
    events = 1 if row.data.call is None else 2
    return (row.id, row.devbox_id, row.status, row.exit_status, row.start_time_ms, row.end_time_ms, data, events)


_SAVE = """
    INSERT INTO executions (id, devbox_id, status, exit_status, start_time_ms, end_time_ms, data, sequence)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 + max(
        coalesce((SELECT max(sequence) FROM executions WHERE devbox_id = ?2), 0),
        coalesce((SELECT max(sequence) FROM events WHERE run_id = (SELECT run_id FROM devboxes WHERE id = ?2)), 0)
    ))
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, exit_status = excluded.exit_status,
        end_time_ms = excluded.end_time_ms, data = excluded.data, sequence = excluded.sequence
"""


def save(connection: sqlite3.Connection, values: Values) -> None:
    """Keeps an execution, new or changed, at the end of its run's record."""
    connection.execute(_SAVE, values)


def get(connection: sqlite3.Connection, devbox_id: str, execution_id: str) -> ExecutionRow:
    """One execution of a devbox.

    Raises:
        NotFound: There is none with this id on this devbox.
    """
    values = connection.execute(
        "SELECT id, devbox_id, status, exit_status, start_time_ms, end_time_ms, data FROM executions"
        " WHERE id = ? AND devbox_id = ?",
        (execution_id, devbox_id),
    ).fetchone()
    if values is None:
        raise NotFound(
            f"There is no execution {execution_id!r} on this devbox.",
            hint="Execution ids begin with exe_ and come with the answer to the command that they are of.",
        )
    return _row(values)


def recorded_after(
    connection: sqlite3.Connection, devbox_id: str, sequence: int, limit: int
) -> list[tuple[int, ExecutionRow]]:
    """Executions of a devbox past a place in its run's record, each with its own place, in order."""
    rows = connection.execute(
        "SELECT sequence, id, devbox_id, status, exit_status, start_time_ms, end_time_ms, data FROM executions"
        " WHERE devbox_id = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        (devbox_id, sequence, limit),
    )
    return [(values[0], _row(values[1:])) for values in rows]


def _row(values: Sequence[Any]) -> ExecutionRow:
    return ExecutionRow(
        id=values[0],
        devbox_id=values[1],
        status=values[2],
        exit_status=values[3],
        start_time_ms=values[4],
        end_time_ms=values[5],
        data=ExecutionData.model_validate_json(values[6]),
    )


def of_devbox(
    connection: sqlite3.Connection, devbox_id: str, *, execution_id: str | None = None, shell_name: str | None = None
) -> list[ExecutionRow]:
    """The executions of a devbox, in the order in which they began; those of a named shell, or the one with an id."""
    rows = connection.execute(
        "SELECT id, devbox_id, status, exit_status, start_time_ms, end_time_ms, data FROM executions"
        " WHERE devbox_id = ?1 AND (?2 IS NULL OR id = ?2)"
        " AND (?3 IS NULL OR json_extract(data, '$.shell_name') = ?3) ORDER BY start_time_ms, rowid",
        (devbox_id, execution_id, shell_name),
    )
    return [_row(values) for values in rows]


def count(connection: sqlite3.Connection, devbox_id: str) -> int:
    """How many commands were started on a devbox."""
    (number,) = connection.execute("SELECT count(*) FROM executions WHERE devbox_id = ?", (devbox_id,)).fetchone()
    return int(number)


def shell_names(connection: sqlite3.Connection, devbox_id: str) -> list[str]:
    """The named shells in which commands of a devbox have run."""
    rows = connection.execute(
        "SELECT DISTINCT json_extract(data, '$.shell_name') FROM executions WHERE devbox_id = ?", (devbox_id,)
    ).fetchall()
    return [row[0] for row in rows if row[0] is not None]


def running(connection: sqlite3.Connection, devbox_id: str) -> list[str]:
    """The executions of a devbox that nobody has seen end."""
    rows = connection.execute(
        "SELECT id FROM executions WHERE devbox_id = ? AND status != ?", (devbox_id, ExecutionStatus.COMPLETED)
    ).fetchall()
    return [row[0] for row in rows]
