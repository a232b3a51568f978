"""What is told of a devbox's boots, in the database. Every function runs on its threads, inside its transaction."""

import sqlite3
from collections.abc import Sequence

from runloop_mcp.api.models.devbox_record import DevboxLog

_APPEND = """
    INSERT INTO devbox_logs (devbox_id, sequence, time_ms, line) VALUES (
        ?1, 1 + coalesce((SELECT max(sequence) FROM devbox_logs WHERE devbox_id = ?1), 0), ?2, ?3
    )
"""


def append(connection: sqlite3.Connection, devbox_id: str, lines: Sequence[DevboxLog]) -> None:
    """Adds lines to what is told of a devbox's boots."""
    connection.executemany(
        _APPEND, [(devbox_id, line.timestamp_ms, line.model_dump_json(exclude_none=True)) for line in lines]
    )


def of_devbox(connection: sqlite3.Connection, devbox_id: str) -> list[DevboxLog]:
    """What is told of a devbox's boots, oldest first."""
    found = connection.execute("SELECT line FROM devbox_logs WHERE devbox_id = ? ORDER BY sequence", (devbox_id,))
    return [DevboxLog.model_validate_json(line) for (line,) in found.fetchall()]
