"""Executions in the database. Every function runs on the database's threads, inside its transaction."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.devbox import ExecutionStatus

# Plain classes, and no models: one of each is made, changed and written for every command, which is a good part of what
# a short one costs.


@dataclass(slots=True)
class KeptOutput:
    """Where one stream of an execution is kept."""

    inline: str | None = None
    """All of it in base 64, where it is small; otherwise it is a file."""
    total_bytes: int = 0
    dropped_bytes: int = 0

    def members(self) -> dict[str, Any]:
        """As it is kept."""
        if self.total_bytes == self.dropped_bytes == 0:
            return {"inline": self.inline}
        return {"inline": self.inline, "total_bytes": self.total_bytes, "dropped_bytes": self.dropped_bytes}


@dataclass(slots=True)
class KeptCall:
    """The call of a tool that an execution was made by, for the run's record; its command is the execution's."""

    tool: str
    arguments: dict[str, object]
    principal: str
    start_time_ms: int


@dataclass(slots=True)
class KeptDetails:
    """What `ExecutionDetails` tells of an execution, but for what its output tells."""

    command: str = ""
    working_directory: str = ""
    attach_stdin: bool = False
    duration_ms: int | None = None
    timed_out: bool = False
    killed: bool = False
    signal: int | None = None
    limits: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ExecutionData:
    """What an execution keeps beside the columns that are searched."""

    details: KeptDetails
    call: KeptCall | None = None
    """Kept here where the call had not returned before the execution ended: one commit is then enough for both."""
    stdout: KeptOutput = field(default_factory=KeptOutput)
    stderr: KeptOutput = field(default_factory=KeptOutput)
    last_n: int | None = None
    shell_name: str | None = None

    def text(self) -> str:
        """As it is kept: members at their defaults are left out."""
        details, call = self.details, self.call
        members: dict[str, Any] = {
            "details": {
                "command": details.command,
                "working_directory": details.working_directory,
                "duration_ms": details.duration_ms,
            },
            "stdout": self.stdout.members(),
            "stderr": self.stderr.members(),
        }
        for name in _RARE:
            if value := getattr(details, name):
                members["details"][name] = value
        if call is not None:
            members["call"] = {
                "tool": call.tool,
                "arguments": call.arguments,
                "principal": call.principal,
                "start_time_ms": call.start_time_ms,
            }
        if self.last_n is not None:
            members["last_n"] = self.last_n
        if self.shell_name is not None:
            members["shell_name"] = self.shell_name
        return _ENCODE(members)

    @classmethod
    def of(cls, text: str) -> "ExecutionData":
        """What was kept; members that this version does not know are passed over."""
        kept = json.loads(text)
        details = {name: value for name, value in kept["details"].items() if name in _OF_DETAILS}
        call = kept.get("call")
        return cls(
            KeptDetails(**details),
            KeptCall(**call) if call is not None else None,
            KeptOutput(**kept.get("stdout", {})),
            KeptOutput(**kept.get("stderr", {})),
            kept.get("last_n"),
            kept.get("shell_name"),
        )


_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_OF_DETAILS = frozenset(each.name for each in fields(KeptDetails))
_RARE = ("attach_stdin", "timed_out", "killed", "signal", "limits", "notes")


@dataclass(slots=True)
class ExecutionRow:
    """An execution as it is stored."""

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
    # Half of a surrogate pair is no character, and would keep everyone from reading the record.
    data = row.data.text().encode("utf-8", "replace").decode()
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
        status=ExecutionStatus(values[2]),
        exit_status=values[3],
        start_time_ms=values[4],
        end_time_ms=values[5],
        data=ExecutionData.of(values[6]),
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
