"""The file of keys: SQLite, safe for several processes, readable by its owner alone.

Blocking calls, for a thread: each opens the file and closes it again, as it is read about once a second at most.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from runloop_mcp.api.access import Role
from runloop_mcp.api.errors import Conflict, Unavailable

_FORMAT: Final = 2
_OTHERS: Final = 0o077
_BUSY_SECONDS: Final = 10.0
_SCHEMA_1: Final = """
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    create_time_ms INTEGER NOT NULL,
    last_used_ms INTEGER,
    revoke_time_ms INTEGER
);
CREATE UNIQUE INDEX one_good_key_of_a_name ON keys (name) WHERE revoke_time_ms IS NULL;
CREATE TABLE signing (secret BLOB NOT NULL);
"""
_SCHEMA_2: Final = """
ALTER TABLE keys ADD COLUMN role TEXT NOT NULL DEFAULT 'operator';
CREATE TABLE run_tokens (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    made_by TEXT NOT NULL,
    create_time_ms INTEGER NOT NULL,
    expire_time_ms INTEGER NOT NULL,
    tools TEXT,
    disclosure TEXT,
    revoke_time_ms INTEGER
);
"""
_OF_RUNS: Final = "id, run_id, digest, made_by, create_time_ms, expire_time_ms, tools, disclosure, revoke_time_ms"

OF_KEY: Final = "key:"
"""What the id of a key's principal begins with; the key's own id follows."""

# A token is revoked with the key that made it: told in one place, so that nobody who reads tokens can forget it.
_RUN_TOKENS: Final = f"""
SELECT token.id, run_id, token.digest, made_by, token.create_time_ms, expire_time_ms, tools, disclosure,
    ifnull(token.revoke_time_ms, maker.revoke_time_ms)
FROM run_tokens AS token LEFT JOIN keys AS maker
    ON substr(made_by, 1, {len(OF_KEY)}) = '{OF_KEY}' AND maker.id = substr(made_by, {len(OF_KEY) + 1})
ORDER BY token.create_time_ms DESC, token.rowid DESC
"""  # noqa: S608 - our own words
_COLUMNS: Final = "id, name, digest, create_time_ms, last_used_ms, revoke_time_ms, role"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as it is kept."""

    id: str
    name: str
    digest: bytes
    create_time_ms: int
    last_used_ms: int | None = None
    revoke_time_ms: int | None = None
    role: str = Role.OPERATOR.value


@dataclass(frozen=True, slots=True)
class RunTokenRow:
    """A token of a run as it is kept."""

    id: str
    run_id: str
    digest: bytes
    made_by: str
    create_time_ms: int
    expire_time_ms: int
    tools: str | None = None
    """A JSON list."""
    disclosure: str | None = None
    revoke_time_ms: int | None = None
    """When it was revoked, or the key that made it."""


class NameTaken(Exception):
    """A key that is good has this name."""


class AccessDatabase:
    """Keys, and the secret that signs tokens, in one file.

    Args:
        path: The file; made when it is first needed, in a directory that is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def keys(self) -> Sequence[KeyRow]:
        """All keys, newest first.

        Raises:
            Unavailable: The file can't be read, or others than its owner could read it.
            Conflict: Another process holds it for long.
        """
        with self._open() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM keys ORDER BY create_time_ms DESC, rowid DESC")  # noqa: S608 - our own words
            return [KeyRow(*row) for row in rows]

    def add(self, key: KeyRow) -> None:
        """Keeps a key.

        Raises:
            NameTaken: A key that is good has its name.
            Unavailable, Conflict: As for `keys`.
        """
        with self._open() as connection:
            try:
                connection.execute(
                    f"INSERT INTO keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own words
                    astuple(key),
                )
            except sqlite3.IntegrityError:
                raise NameTaken from None

    def revoke(self, key_id: str, time_ms: int) -> None:
        """Notes when a key was revoked, unless it has been already.

        Raises:
            Unavailable, Conflict: As for `keys`.
        """
        with self._open() as connection:
            connection.execute(
                "UPDATE keys SET revoke_time_ms = ? WHERE id = ? AND revoke_time_ms IS NULL", (time_ms, key_id)
            )

    def note_use(self, key_id: str, time_ms: int) -> None:
        """Notes when a key was last used.

        Raises:
            Unavailable, Conflict: As for `keys`.
        """
        with self._open() as connection:
            connection.execute(
                "UPDATE keys SET last_used_ms = max(?, ifnull(last_used_ms, 0)) WHERE id = ?", (time_ms, key_id)
            )

    def run_tokens(self) -> Sequence[RunTokenRow]:
        """All tokens of runs, newest first.

        Raises:
            Unavailable, Conflict: As for `keys`.
        """
        with self._open() as connection:
            return [RunTokenRow(*row) for row in connection.execute(_RUN_TOKENS)]

    def add_run_token(self, token: RunTokenRow, *, forget_before_ms: int) -> None:
        """Keeps a token of a run.

        Args:
            token: The token.
            forget_before_ms: Those that expired before this are taken away.

        Raises:
            Unavailable, Conflict: As for `keys`.
        """
        with self._open() as connection:
            connection.execute("DELETE FROM run_tokens WHERE expire_time_ms < ?", (forget_before_ms,))
            connection.execute(
                f"INSERT INTO run_tokens ({_OF_RUNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own words
                astuple(token),
            )

    def revoke_run_token(self, token_id: str, time_ms: int) -> None:
        """Notes when a token was revoked, unless it has been already.

        Raises:
            Unavailable, Conflict: As for `keys`.
        """
        with self._open() as connection:
            connection.execute(
                "UPDATE run_tokens SET revoke_time_ms = ? WHERE id = ? AND revoke_time_ms IS NULL", (time_ms, token_id)
            )

    def signing_secret(self) -> bytes:
        """The secret that signs tokens.

        Raises:
            Unavailable, Conflict: As for `keys`.
        """
        with self._open() as connection:
            (secret,) = connection.execute("SELECT secret FROM signing").fetchone()
            return bytes(secret)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._make_file()
            with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
                _migrate(connection, self.path)
                yield connection
        except OSError as error:
            raise _unusable(self.path, error.strerror or str(error)) from error
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise Conflict(
                    f"Another process holds the file of keys {self.path}.", hint="Try again in a moment.", retry_after=1
                ) from error
            raise _unusable(self.path, str(error)) from error

    def _make_file(self) -> None:
        """Makes the file before SQLite does, so that nobody else can ever read it; its journal copies its mode."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            mode = os.fstat(descriptor).st_mode
        finally:
            os.close(descriptor)
        if mode & _OTHERS:
            raise Unavailable(
                f"The file of keys {self.path} can be read by others than its owner, so it is not used.",
                hint=f"Close it to them: chmod 600 {self.path}. Whoever could read it may have signed tokens with it.",
            )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if (found := _version(connection)) == _FORMAT:
        return
    if found > _FORMAT:
        raise Unavailable(f"The file of keys {path} was written by a newer runloop-mcp.", hint="Upgrade this one.")
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have been quicker.
    if (found := _version(connection)) < 1:
        _execute(connection, _SCHEMA_1)
        connection.execute("INSERT INTO signing (secret) VALUES (?)", (secrets.token_bytes(32),))
    if found < _FORMAT:
        _execute(connection, _SCHEMA_2)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
    connection.execute("COMMIT")


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    """Several statements, within the transaction that is open."""
    for statement in statements.split(";"):
        connection.execute(statement)


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _unusable(path: Path, reason: str) -> Unavailable:
    return Unavailable(
        f"The file of keys {path} can't be used: {reason}.",
        hint="Look for space and rights in the state directory, or move the file away and make keys anew.",
    )
