"""What was built once for scorers, in the database. Every function runs on its threads, inside its transaction."""

import sqlite3


def find(connection: sqlite3.Connection, key: str) -> tuple[str, str] | None:
    """The snapshot that holds what was built under a key, and what is known of it; None where nothing was."""
    row = connection.execute("SELECT snapshot_id, data FROM built_tools WHERE key = ?", (key,)).fetchone()
    return (str(row[0]), str(row[1])) if row else None


def keep(connection: sqlite3.Connection, key: str, snapshot_id: str, data: str, *, now_ms: int) -> None:
    """Keeps what was built."""
    connection.execute(
        "INSERT OR REPLACE INTO built_tools (key, snapshot_id, data, create_time_ms, used_time_ms) VALUES (?,?,?,?,?)",
        (key, snapshot_id, data, now_ms, now_ms),
    )


def touch(connection: sqlite3.Connection, key: str, *, now_ms: int) -> None:
    """Notes that it is in use: what nobody used for long is pruned first."""
    connection.execute("UPDATE built_tools SET used_time_ms = ? WHERE key = ?", (now_ms, key))


def all_of(connection: sqlite3.Connection) -> dict[str, tuple[str, int]]:
    """Snapshots of what was built → its key, and when it was last used."""
    rows = connection.execute("SELECT snapshot_id, key, used_time_ms FROM built_tools").fetchall()
    return {snapshot_id: (key, used_ms) for snapshot_id, key, used_ms in rows}


def forget(connection: sqlite3.Connection, key: str) -> None:
    """Forgets what was built, so that it is built anew where it is needed again."""
    connection.execute("DELETE FROM built_tools WHERE key = ?", (key,))
