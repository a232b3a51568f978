"""Small writes on the event loop's own thread: as safe as the others, and never a wait."""

import math
import sqlite3
import threading
from functools import partial
from pathlib import Path

import anyio
import pytest

from runloop_mcp.api.errors import Conflict, InvalidRequest
from runloop_mcp.engine.store import database as store
from runloop_mcp.engine.store.database import Database


def _insert(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("INSERT INTO idempotency_keys VALUES ('scope', ?, 'arguments', 'target', 1)", (key,))


def _keys(connection: sqlite3.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM idempotency_keys ORDER BY key")]


async def test_a_small_write_is_kept_when_it_returns(tmp_path: Path) -> None:
    """Another connection sees it at once, whether the database was open before or not."""
    async with Database(tmp_path / "store.db") as database:
        for key in ("a", "b"):
            await database.write_soon(lambda connection, key=key: _insert(connection, key))
        other = sqlite3.connect(tmp_path / "store.db")
        assert _keys(other) == ["a", "b"]
        other.close()


@pytest.mark.parametrize("durable", [False, True])
async def test_a_write_that_would_wait_is_handed_to_the_writing_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, durable: bool
) -> None:
    """While another process writes, the event loop goes on, and the write is made when its turn comes."""
    monkeypatch.setattr(store, "_QUICK_FLUSH_SECONDS", math.inf)
    async with Database(tmp_path / "store.db") as database:
        await database.write(lambda _: None, durable=durable)
        other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        _insert(other, "first")
        async with anyio.create_task_group() as tasks:
            second = partial(database.write_soon, lambda connection: _insert(connection, "second"), durable=durable)
            tasks.start_soon(second)
            # The loop is not held up: reading goes on beside the write that waits.
            assert await database.read(_keys) == []
            other.execute("COMMIT")
        assert await database.read(_keys) == ["first", "second"]
        other.close()


async def test_a_small_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """What its work raises comes out, and nothing of it stays."""

    def half(connection: sqlite3.Connection) -> None:
        _insert(connection, "half")
        raise InvalidRequest("No.")

    async with Database(tmp_path / "store.db") as database:
        await database.open()
        with pytest.raises(InvalidRequest):
            await database.write_soon(half)
        assert await database.read(_keys) == []


async def test_the_journal_does_not_grow_with_small_writes_alone(tmp_path: Path) -> None:
    """It is folded into the file now and then, though nothing else is written."""
    async with Database(tmp_path / "store.db") as database:
        await database.open()
        journal, sizes = tmp_path / "store.db-wal", []
        for part in range(6):
            for number in range(200):
                await database.write_soon(lambda connection, key=f"{part}-{number}": _insert(connection, key))
            await database.write(lambda _: None)  # by the thread that folds it, so that this is behind it
            sizes.append(journal.stat().st_size)
        # Used again from its beginning, and not made longer, part after part.
        assert sizes[5] < sizes[0] * 2


@pytest.mark.parametrize(("quick_seconds", "on_the_loop"), [(0, False), (math.inf, True)], ids=["slow", "quick"])
async def test_what_is_durable_is_flushed_wherever_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_seconds: float, *, on_the_loop: bool
) -> None:
    """While the disk flushes quickly the loop waits for that, else the writing thread; it is flushed either way."""
    monkeypatch.setattr(store, "_QUICK_FLUSH_SECONDS", quick_seconds)

    def insert(connection: sqlite3.Connection) -> tuple[int, bool]:
        ((level,),) = connection.execute("PRAGMA synchronous")
        _insert(connection, str(len(_keys(connection))))
        return level, threading.current_thread() is threading.main_thread()

    async with Database(tmp_path / "store.db") as database:
        done = [await database.write_soon(insert, durable=durable) for durable in (True, True, False)]
        full, normal = 2, 1
        # The first opens the database, and tells how quick the disk is.
        assert done == [(full, False), (full, on_the_loop), (normal, True)]
        assert await database.read(_keys) == ["0", "1", "2"]


async def test_a_conflict_of_the_work_itself_is_told_and_not_tried_again(tmp_path: Path) -> None:
    """What the work has changed in memory is not changed twice."""
    calls = list[sqlite3.Connection]()

    def refuse(connection: sqlite3.Connection) -> None:
        calls.append(connection)
        raise Conflict("It is just being made.")

    async with Database(tmp_path / "store.db") as database:
        await database.open()
        with pytest.raises(Conflict):
            await database.write_soon(refuse)
        assert len(calls) == 1
