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


_IN_ORDER = """
    SELECT row_number() OVER (ORDER BY time_ms, part, place), time_ms, kind, data FROM (
        SELECT time_ms, 0 AS part, sequence AS place, kind, data FROM events WHERE run_id = ?1
        UNION ALL
        SELECT e.end_time_ms, 1, e.rowid, 'execution', json_object(
            'execution_id', e.id, 'command', json_extract(e.data, '$.details.command'),
            'exit_status', e.exit_status, 'duration_ms', e.end_time_ms - e.start_time_ms,
            'timed_out', json(iif(json_extract(e.data, '$.details.timed_out'), 'true', 'false')))
        FROM executions AS e JOIN devboxes ON devboxes.id = e.devbox_id
        WHERE devboxes.run_id = ?1 AND e.end_time_ms IS NOT NULL
    ) ORDER BY 1 LIMIT ?3 OFFSET ?2
"""
"""What is recorded of a run, and its executions, which are recorded where they are kept, by when they ended."""


def after(connection: sqlite3.Connection, run_id: str, sequence: int, limit: int) -> list[RunEvent]:
    """The events of a run past a place in its record, in order."""
    rows = connection.execute(_IN_ORDER, (run_id, sequence, limit)).fetchall()
    return [
        RunEvent(run_id=run_id, sequence=place, time_ms=time_ms, kind=kind, data=json.loads(data))
        for place, time_ms, kind, data in rows
    ]
