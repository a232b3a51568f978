"""Reads of a few rows on the event loop's own thread: as fresh as the others, and never a wait."""

import sqlite3
from pathlib import Path

import pytest

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.engine.store.database import Database


def _insert(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("INSERT INTO idempotency_keys VALUES ('scope', ?, 'arguments', 'target', 1)", (key,))


def _keys(connection: sqlite3.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM idempotency_keys ORDER BY key")]


async def test_a_look_sees_what_was_written_before(tmp_path: Path) -> None:
    """Each write that has returned is seen, whichever thread made it; and so is one of another process."""
    async with Database(tmp_path / "store.db") as database:
        assert await database.look(_keys) == []
        await database.write(lambda connection: _insert(connection, "a"))
        assert await database.look(_keys) == ["a"]
        await database.write_soon(lambda connection: _insert(connection, "b"))
        assert await database.page(_keys, PageParams(limit=1)) == ["a", "b"]
        with sqlite3.connect(tmp_path / "store.db") as other:
            _insert(other, "c")
        other.close()
        assert await database.look(_keys) == await database.page(_keys, PageParams(limit=5000)) == ["a", "b", "c"]


async def test_a_look_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    """While another process writes, what was there before is read."""
    async with Database(tmp_path / "store.db") as database:
        await database.write(lambda connection: _insert(connection, "before"))
        await database.read(_keys)
        other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        _insert(other, "unfinished")
        assert await database.look(_keys) == ["before"]
        other.close()


async def test_a_look_changes_nothing(tmp_path: Path) -> None:
    """It is for reading: a statement that would write fails, and later looks work."""
    async with Database(tmp_path / "store.db") as database:
        await database.read(_keys)
        with pytest.raises(Unavailable):
            await database.look(lambda connection: _insert(connection, "a"))
        assert await database.look(_keys) == []


async def test_nobody_looks_into_a_closed_database(tmp_path: Path) -> None:
    """It is refused, as every use is."""
    database = Database(tmp_path / "store.db")
    await database.read(_keys)
    await database.look(_keys)
    await database.aclose()
    with pytest.raises(Unavailable, match="closed"):
        await database.look(_keys)
