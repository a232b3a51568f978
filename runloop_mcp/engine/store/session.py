"""A connection to the database: transactions, what was read remembered until somebody commits, and checkpoints."""

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple, cast

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")
A = TypeVarTuple("A")

_MOST_RECALLED = 200
"""Rows of answers that are remembered at once: a run with its scores may hold some hundred kilobytes."""
_NOT_RECALLED: Final = object()

_CHECKPOINT_BUSY_MS = 100

_left_behind: list[object] = []
"""Connections of the process that this one was forked from: SQLite forbids even closing them here."""


@dataclass(slots=True)
class Disk:
    """What is known of the disk that the database is on."""

    flush_seconds: float = math.inf
    """How long the last commit took that was flushed, on whichever thread."""


class Session:
    """A connection of one thread, opened at the first transaction."""

    def __init__(
        self, path: Path, disk: Disk, *, read_only: bool, busy_timeout_seconds: float, checkpoints: bool = True
    ) -> None:
        self._path = path
        self._disk = disk
        self._read_only = read_only
        self._busy_timeout_seconds = busy_timeout_seconds
        self._checkpoints = checkpoints
        self._connection: sqlite3.Connection | None = None
        self._recalled: dict[Hashable, object] = {}
        self._recalled_rows = 0
        self._recalled_version: int | None = None

    def transaction(self, work: "Callable[[sqlite3.Connection], T]", *, durable: bool) -> T:
        """Runs work in a transaction of its own: committed when it returns, rolled back when it raises."""
        from runloop_mcp.engine.store.connection import translated  # noqa: PLC0415 - brings sqlite3

        with translated(self._path):
            connection = self._connection or self._opened()
            if durable:
                connection.execute("PRAGMA synchronous = FULL")
            try:
                # Even reading has a transaction, so that all of one piece of work sees one state.
                connection.execute("BEGIN" if self._read_only else "BEGIN IMMEDIATE")
                value = work(connection)
                begun = time.perf_counter()
                connection.execute("COMMIT")
                if durable:
                    self._disk.flush_seconds = time.perf_counter() - begun
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if durable:
                    connection.execute("PRAGMA synchronous = NORMAL")
            return value

    def recall(self, work: "Callable[[sqlite3.Connection, *A], T]", *arguments: *A, rows: int) -> T:
        """What work gives for these arguments: what it gave before, unless something was committed since by anyone.

        Of a session that only reads: SQLite does not count what its own connection commits.
        """
        from runloop_mcp.engine.store.connection import translated  # noqa: PLC0415 - brings sqlite3

        with translated(self._path):
            connection = self._connection or self._opened()
            (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != self._recalled_version or self._recalled_rows >= _MOST_RECALLED:
            self._recalled.clear()
            self._recalled_rows = 0
            self._recalled_version = version
        asked = (work, arguments)
        answer = self._recalled.get(asked, _NOT_RECALLED)
        if answer is _NOT_RECALLED:
            # What is committed between the two is read, and changes the version that the next call finds.
            answer = self.transaction(lambda connection: work(connection, *arguments), durable=False)
            self._recalled[asked] = answer
            self._recalled_rows += rows
        return cast("T", answer)

    def _opened(self) -> "sqlite3.Connection":
        from runloop_mcp.engine.store.connection import open_connection  # noqa: PLC0415 - brings sqlite3

        self._connection = open_connection(
            self._path, busy_timeout_seconds=self._busy_timeout_seconds, read_only=self._read_only
        )
        if not self._checkpoints:
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        return self._connection

    def checkpoint(self) -> None:
        """Folds the journal into the file and begins it anew; where somebody is in the way, the next one does.

        Whoever writes waits meanwhile: beside writers that come all the time a journal never is folded whole.
        """
        if self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_BUSY_MS}").close()
            try:
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {round(self._busy_timeout_seconds * 1000)}").close()

    def close(self) -> None:
        """Closes the connection, if it was opened; the next transaction opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def leave_behind(self) -> None:
        """Keeps the connection from being closed by a process that only inherited it."""
        _left_behind.append(self._connection)
