"""Opening the database, and what SQLite's failures mean to a caller."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runloop_mcp.api.errors import ApiError, Conflict, Unavailable
from runloop_mcp.engine.store.migrations import is_current, migrate

_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_CLOSED_TO_US = (
    "The state database {path} can't be opened for writing: {error}.",
    "Check the owner and the permissions of its directory, or choose another state directory.",
)
_DAMAGED = (
    "The state database {path} is damaged: {error}.",
    "Stop every server on it, move the file with its -wal and -shm away, and start again.",
)
_MEANINGS = {
    sqlite3.SQLITE_FULL: (
        "The disk that holds the state database {path} is full.",
        "Free some space, then call again.",
    ),
    sqlite3.SQLITE_IOERR: (
        "The state database {path} can't be read or written: {error}.",
        "Check the disk and its free space.",
    ),
    sqlite3.SQLITE_CANTOPEN: _CLOSED_TO_US,
    sqlite3.SQLITE_READONLY: _CLOSED_TO_US,
    sqlite3.SQLITE_PERM: _CLOSED_TO_US,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
"""What SQLite's primary result codes mean to a caller, and what to do then."""
_PRIMARY_CODE = 0xFF
"""SQLite's extended error codes carry the primary code in their low byte."""


def open_connection(path: Path, *, busy_timeout_seconds: float, read_only: bool) -> sqlite3.Connection:
    """Opens the database, made and migrated where it needs to be, for the calling thread.

    Raises:
        Unavailable: It can't be opened, or was made by a newer program.
        Conflict: Another process holds it for longer than the busy time-out.
    """
    try:
        _make_file(path)
    except OSError as error:
        raise Unavailable(
            f"The state database {path} can't be made: {error.strerror}.",
            hint="Check the owner of the directory and the free space, or choose another state directory.",
        ) from error
    with translated(path):
        # isolation_level None: transactions are begun and ended where one can read it, never by the module itself.
        connection = sqlite3.connect(path, timeout=busy_timeout_seconds, isolation_level=None, cached_statements=256)
        try:
            _prepare(connection, path, busy_timeout_seconds)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = -16000")
            if read_only:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns what SQLite raises on a bad day into errors that say what to do.

    Mistakes in a statement pass through as they are: they are ours, and no caller can mend them.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        meaning = _meaning(error, path)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: sqlite3.DatabaseError, path: Path) -> ApiError | None:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code in _LOCKED:
        return Conflict(
            f"Another process holds the state database {path}.", hint="Call again in a moment.", retry_after=1
        )
    if "no such module: fts5" in str(error):
        return Unavailable(
            "This Python's SQLite has no full-text search (FTS5).", hint="Use a Python whose SQLite is built with FTS5."
        )
    if code in _MEANINGS:
        message, hint = _MEANINGS[code]
        return Unavailable(message.format(path=path, error=error), hint=hint)
    return None


def _make_file(path: Path) -> None:
    """Makes the file before SQLite does, so that nobody else can ever read it; its companions copy its mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _prepare(connection: sqlite3.Connection, path: Path, timeout_seconds: float) -> None:
    """Sets the journal mode and migrates, unless both have been done."""
    if _is_wal(connection) and is_current(connection):
        return
    with _exclusive(path, timeout_seconds):
        if not _is_wal(connection):
            connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection)


def _is_wal(connection: sqlite3.Connection) -> bool:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    return bool(mode == "wal")


@contextmanager
def _exclusive(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Holds a lock beside the database: SQLite does not wait its turn to change the journal mode.

    Raises:
        Conflict: Somebody else holds it for longer than the time-out.
    """
    descriptor = os.open(path.with_name(path.name + "-lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, path, time.monotonic() + timeout_seconds)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Conflict(
                    f"Another process is setting up the state database {path}.",
                    hint="Call again in a moment.",
                    retry_after=1,
                ) from None
            time.sleep(0.02)
        else:
            return
