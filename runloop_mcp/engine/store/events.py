"""The record of runs in the database."""

import json
import sqlite3

from runloop_mcp.api.trace import RunEvent


def append(connection: sqlite3.Connection, run_id: str, kind: str, time_ms: int, data: dict[str, object]) -> None:
    """Adds an event at the end of a run's record."""
    connection.execute(
        "INSERT INTO events (run_id, sequence, time_ms, kind, data)"
        " SELECT ?1, coalesce(max(sequence), 0) + 1, ?2, ?3, ?4 FROM events WHERE run_id = ?1",
        (run_id, time_ms, kind, json.dumps(data, ensure_ascii=True)),
    )


def after(connection: sqlite3.Connection, run_id: str, sequence: int, limit: int) -> list[RunEvent]:
    """The events of a run past a place in its record, in order."""
    rows = connection.execute(
        "SELECT sequence, time_ms, kind, data FROM events WHERE run_id = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        (run_id, sequence, limit),
    ).fetchall()
    return [
        RunEvent(run_id=run_id, sequence=place, time_ms=time_ms, kind=kind, data=json.loads(data))
        for place, time_ms, kind, data in rows
    ]
