"""What the store knows of what lies on disks, and taking out of it what is kept for a limited time only."""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from runloop_mcp.api.models.devbox import DevboxStatus
from runloop_mcp.api.models.run import RunState


@dataclass(frozen=True, slots=True)
class DevboxRecord:
    """A devbox, as far as it matters to what is kept of it."""

    id: str
    run_id: str | None
    state: RunState | None
    """Its run's; None where it belongs to none."""
    status: DevboxStatus
    ended_ms: int
    """When the last of run and devbox ended; 0 where neither has."""
    pristine_home_snapshot: str | None
    frozen_snapshot: str | None
    pruned: bool
    """Whether what is kept for a limited time has been taken away."""


def records(connection: sqlite3.Connection, ids: Collection[str]) -> list[DevboxRecord]:
    """Every devbox that is not pruned, and those with these ids."""
    rows = connection.execute(
        "SELECT d.id, d.run_id, r.state, d.status, max(coalesce(r.end_time_ms, 0), coalesce(d.end_time_ms, 0)),"
        " json_extract(d.data, '$.pristine_home_snapshot'), json_extract(d.data, '$.frozen_snapshot'),"
        " d.pruned_ms IS NOT NULL"
        " FROM devboxes AS d LEFT JOIN runs AS r ON r.id = d.run_id"
        " WHERE d.pruned_ms IS NULL OR d.id IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(ids)),),
    ).fetchall()
    return [
        DevboxRecord(
            id=row[0],
            run_id=row[1],
            state=RunState(row[2]) if row[2] else None,
            status=DevboxStatus(row[3]),
            ended_ms=row[4],
            pristine_home_snapshot=row[5],
            frozen_snapshot=row[6],
            pruned=bool(row[7]),
        )
        for row in rows
    ]


def file_keys(connection: sqlite3.Connection) -> set[str]:
    """The keys of the files of all scenarios that can be started."""
    rows = connection.execute(
        "SELECT DISTINCT files_key FROM scenario_contents JOIN scenarios USING (number)"
        " WHERE present AND files_key IS NOT NULL"
    ).fetchall()
    return {row[0] for row in rows}


def inline_bytes(connection: sqlite3.Connection, devbox_id: str) -> int:
    """How many bytes of output the store itself keeps of a devbox's commands."""
    (size,) = connection.execute(
        "SELECT coalesce(sum(coalesce(length(json_extract(data, '$.stdout.inline')), 0)"
        " + coalesce(length(json_extract(data, '$.stderr.inline')), 0)), 0) * 3 / 4"
        " FROM executions WHERE devbox_id = ?",
        (devbox_id,),
    ).fetchone()
    return int(size)


def prune(connection: sqlite3.Connection, record: DevboxRecord, now_ms: int) -> None:
    """Takes a devbox's outputs, logs, copies of files and idempotency keys out of the store; its record stays."""
    connection.execute(
        "UPDATE executions SET data = json_remove(data, '$.stdout.inline', '$.stderr.inline') WHERE devbox_id = ?",
        (record.id,),
    )
    connection.execute(
        "UPDATE devboxes SET pruned_ms = ?, data = json_remove(data, '$.pristine', '$.pristine_home_snapshot',"
        " '$.frozen_snapshot') WHERE id = ?",
        (now_ms, record.id),
    )
    connection.execute("DELETE FROM devbox_logs WHERE devbox_id = ?", (record.id,))
    # The scopes of keys are those of engine/devboxes/ and engine/runs/start.py.
    connection.execute(
        "DELETE FROM idempotency_keys WHERE scope = ? OR target_id = ?",
        (f"execute:{record.id}", record.run_id or record.id),
    )
