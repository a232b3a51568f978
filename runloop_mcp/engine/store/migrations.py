"""Brings a database to the schema that this program works with.

The schema's version is SQLite's `user_version`. Migration *n* takes a database from version *n* - 1 to *n*. All that
are missing are one transaction, so that a process killed in the middle leaves the version before, and a new database is
flushed to the disk once.
"""

import sqlite3
from collections.abc import Sequence

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.engine.store import (
    schema_1,
    schema_benchmarks,
    schema_devboxes,
    schema_environments,
    schema_idle,
    schema_jobs,
    schema_objects,
    schema_places,
    schema_record,
    schema_rescorings,
    schema_retention,
    schema_scorers,
)

MIGRATIONS: tuple[Sequence[str], ...] = (
    schema_1.STATEMENTS,
    schema_scorers.STATEMENTS,
    schema_retention.STATEMENTS,
    schema_places.STATEMENTS,
    schema_record.STATEMENTS,
    schema_idle.STATEMENTS,
    schema_environments.STATEMENTS,
    schema_rescorings.STATEMENTS,
    schema_objects.STATEMENTS,
    schema_devboxes.STATEMENTS,
    schema_benchmarks.STATEMENTS,
    schema_jobs.STATEMENTS,
)
"""The statements of each migration, in order. Never change one that has been released: add another."""


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the database's schema; 0 where there is none yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def is_current(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> bool:
    """Whether nothing is to be done.

    Raises:
        Unavailable: The database was made by a newer program.
    """
    version = version_of(connection)
    if version > len(migrations):
        raise Unavailable(
            f"The state database has schema version {version}, made by a newer runloop-mcp; "
            f"this one knows versions up to {len(migrations)}.",
            hint="Upgrade runloop-mcp, or give this one another state directory.",
        )
    return version == len(migrations)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Runs the migrations that the database lacks. The caller sees to it that nobody else does at the same time.

    Raises:
        Unavailable: The database was made by a newer program.
    """
    if is_current(connection, migrations):
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        for version in range(version_of(connection), len(migrations)):
            for statement in migrations[version]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
