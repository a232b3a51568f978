"""Bringing databases of other versions to this one."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.migrations import MIGRATIONS, migrate, version_of

STEPS = (
    ("CREATE TABLE a (x INTEGER)", "INSERT INTO a VALUES (1)"),
    ("ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7",),
    ("CREATE TABLE b AS SELECT x + y AS z FROM a",),
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as the store makes them: without transactions of its own."""
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as opened:
        yield opened


@pytest.mark.parametrize("version", range(len(STEPS) + 1))
def test_any_older_version_is_brought_to_the_newest(connection: sqlite3.Connection, version: int) -> None:
    """From every version that there ever was, the missing steps run in order and what was kept is still there."""
    migrate(connection, STEPS[:version])
    migrate(connection, STEPS)
    assert version_of(connection) == len(STEPS)
    assert connection.execute("SELECT z FROM b").fetchall() == [(8,)]


def test_a_step_that_fails_leaves_the_version_before(connection: sqlite3.Connection) -> None:
    """What is missing is done whole or not at all: the program of before still works with the database."""
    migrate(connection, STEPS[:1])
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (STEPS[0], ("CREATE TABLE b (x)",), ("CREATE TABLE c (x)", "NONSENSE")))
    assert version_of(connection) == 1
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]
    migrate(connection, STEPS)


async def test_a_database_of_version_0_gets_every_table(tmp_path: Path) -> None:
    """A file that SQLite made and nobody filled becomes a store."""
    with closing(sqlite3.connect(tmp_path / "state.db")) as empty:
        empty.execute("VACUUM")
    async with Database(tmp_path / "state.db") as database:
        rows = await database.read(
            lambda c: c.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        )
    tables = {row[0] for row in rows}
    assert {"runs", "devboxes", "executions", "events", "idempotency_keys", "scenarios"} <= tables


async def test_a_database_of_a_newer_program_is_refused_untouched(tmp_path: Path) -> None:
    """An older program says whom to upgrade, and changes nothing."""
    async with Database(tmp_path / "state.db") as database:
        await database.open()
    with closing(sqlite3.connect(tmp_path / "state.db")) as newer:
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = (tmp_path / "state.db").read_bytes()
    async with Database(tmp_path / "state.db") as database:
        for use in (database.read, database.write):
            with pytest.raises(Unavailable, match="newer runloop-mcp") as caught:
                await use(lambda _: None)
            assert "Upgrade" in caught.value.hint
            assert not caught.value.retryable
    assert (tmp_path / "state.db").read_bytes() == before


def test_many_threads_that_open_at_once_migrate_once(tmp_path: Path) -> None:
    """Whoever comes first migrates; the others wait for it and find it done."""
    from runloop_mcp.engine.store.connection import open_connection  # noqa: PLC0415 - beside its only use

    start = threading.Barrier(8)
    versions: list[int] = []

    def open_one() -> None:
        start.wait(timeout=10)
        with closing(open_connection(tmp_path / "state.db", busy_timeout_seconds=10, read_only=False)) as opened:
            versions.append(version_of(opened))

    threads = [threading.Thread(target=open_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert versions == [len(MIGRATIONS)] * 8
