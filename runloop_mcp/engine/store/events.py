"""The record of runs in the database.

Two tables make it: `events`, and `executions`, which are recorded where they are kept, as there is one for each command
and a second row would cost each of them a tenth of its commit. What orders both is one sequence for each run, given
inside the writing transaction. There is one writer at a time, so whoever reads up to a number has read all below it.
"""

import json
import sqlite3
from collections.abc import Iterator

from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.trace import EventKind, RunEvent, ToolCall, bounded_text
from runloop_mcp.engine.store.executions import ExecutionRow, recorded_after

_APPEND = """
    INSERT INTO events (run_id, sequence, time_ms, kind, data) SELECT ?1, 1 + max(
        coalesce((SELECT max(sequence) FROM events WHERE run_id = ?1), 0),
        coalesce((SELECT max(sequence) FROM executions WHERE devbox_id = (SELECT devbox_id FROM runs WHERE id = ?1)), 0)
    ), ?2, ?3, ?4
"""


def append(
    connection: sqlite3.Connection, run_id: str | None, kind: str, time_ms: int, data: dict[str, object]
) -> None:
    """Adds an event at the end of a run's record; None is the run of a devbox that belongs to none: nothing is kept."""
    if run_id is not None:
        connection.execute(_APPEND, (run_id, time_ms, kind, _text(data)))


def begin(connection: sqlite3.Connection, run_id: str, kind: str, time_ms: int, data: dict[str, object]) -> None:
    """Adds the first event of a run that has just been kept: nothing is there that it could come after."""
    connection.execute(
        "INSERT INTO events (run_id, sequence, time_ms, kind, data) VALUES (?, 1, ?, ?, ?)",
        (run_id, time_ms, kind, _text(data)),
    )


_encode = json.JSONEncoder(ensure_ascii=False).encode
"""Like `json.dumps`, which makes an encoder at each call that asks for anything."""


def _text(data: dict[str, object]) -> str:
    # Half of a surrogate pair is no character, and would keep everyone from reading the record.
    return _encode(data).encode("utf-8", "replace").decode()


def after(connection: sqlite3.Connection, run_id: str, sequence: int, limit: int) -> list[RunEvent]:
    """The events of a run past a place in its record, in order.

    Raises:
        NotFound: There is no such run.
    """
    devbox_id = _devbox_of(connection, run_id)
    found = [
        RunEvent(run_id=run_id, sequence=place, time_ms=time_ms, kind=kind, data=json.loads(data))
        for place, time_ms, kind, data in connection.execute(
            "SELECT sequence, time_ms, kind, data FROM events WHERE run_id = ? AND sequence > ?"
            " ORDER BY sequence LIMIT ?",
            (run_id, sequence, limit),
        )
    ]
    for place, row in recorded_after(connection, devbox_id, sequence, limit):
        found += _events_of(run_id, place, row)
    # An execution may stand for two events, of which the first can have been read before.
    in_order = sorted((event for event in found if event.sequence > sequence), key=lambda event: event.sequence)
    return in_order[:limit]


def files_written(connection: sqlite3.Connection, run_id: str) -> list[tuple[int, dict[str, object]]]:
    """When files were written in a run, and what the record tells of each."""
    rows = connection.execute(
        "SELECT time_ms, data FROM events WHERE run_id = ? AND kind = ? ORDER BY sequence", (run_id, EventKind.FILE)
    )
    return [(time_ms, json.loads(data)) for time_ms, data in rows]


def end(connection: sqlite3.Connection, run_id: str) -> int:
    """The sequence number of a run's last event; 0 where there is none.

    Raises:
        NotFound: There is no such run.
    """
    (last,) = connection.execute(
        "SELECT max(coalesce((SELECT max(sequence) FROM events WHERE run_id = ?), 0),"
        " coalesce((SELECT max(sequence) FROM executions WHERE devbox_id = ?), 0))",
        (run_id, _devbox_of(connection, run_id)),
    ).fetchone()
    return int(last)


def _devbox_of(connection: sqlite3.Connection, run_id: str) -> str:
    row = connection.execute("SELECT devbox_id FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no run {run_id!r}.", hint="Run ids begin with scr_.")
    return str(row[0])


def _events_of(run_id: str, place: int, row: ExecutionRow) -> Iterator[RunEvent]:
    """The execution, and after it the call that it was made by, where both were recorded in one."""
    details, call = row.data.details, row.data.call
    ended_ms = row.end_time_ms if row.end_time_ms is not None else row.start_time_ms
    command = bounded_text(details.command)
    data: dict[str, object] = {
        "execution_id": row.id,
        "status": row.status,
        "command": command,
        "working_directory": details.working_directory,
        "shell_name": row.data.shell_name,
        "start_time_ms": row.start_time_ms,
        "duration_ms": details.duration_ms,
        "exit_status": row.exit_status,
        "timed_out": details.timed_out,
        "killed": details.killed,
        "signal": details.signal,
        "limits": details.limits,
        "stdout_bytes": row.data.stdout.total_bytes,
        "stderr_bytes": row.data.stderr.total_bytes,
        "stdout_dropped_bytes": row.data.stdout.dropped_bytes,
        "stderr_dropped_bytes": row.data.stderr.dropped_bytes,
        "notes": details.notes,
    }
    yield RunEvent(
        run_id=run_id,
        sequence=place if call is None else place - 1,
        time_ms=ended_ms,
        kind=EventKind.EXECUTION,
        data={name: value for name, value in data.items() if value or (value is not None and name in _ALWAYS)},
    )
    if call is not None:
        made = ToolCall(
            tool=call.tool,
            arguments={"command": command, **call.arguments},
            principal=call.principal,
            start_time_ms=call.start_time_ms,
            facts={"execution_id": row.id},
        )
        yield made.event(run_id, end_time_ms=ended_ms).model_copy(update={"sequence": place})


_ALWAYS = frozenset({"exit_status", "duration_ms", "stdout_bytes", "stderr_bytes"})
"""What is told even where it is 0; of the rest, nothing is as good as absent."""
