"""Writes that wait for others of their kind: in order, and lost by nobody but a killed process."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from runloop_mcp.engine.store.database import LATER_SECONDS, Database

_INSERT = "INSERT INTO idempotency_keys SELECT 'scope', ?, 'arguments', 'target', count(*) FROM idempotency_keys"


def _insert(key: str, connection: sqlite3.Connection) -> None:
    connection.execute(_INSERT, (key,))


def _keys(connection: sqlite3.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM idempotency_keys ORDER BY create_time_ms")]


@contextmanager
def _somebody_writing(path: Path) -> Iterator[None]:
    """Another process has begun to write, and commits at the end."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("COMMIT")
    other.close()


async def test_what_waits_is_there_for_whoever_reads(tmp_path: Path) -> None:
    """Reading through the same database shows it at once."""
    async with Database(tmp_path / "store.db") as database:
        await database.open()
        database.write_later(partial(_insert, "a"))
        database.write_later(partial(_insert, "b"))
        assert await database.read(_keys) == ["a", "b"]


async def test_what_waits_comes_before_every_later_write(tmp_path: Path) -> None:
    """Whichever way the later one is made."""
    async with Database(tmp_path / "store.db") as database:
        await database.open()
        database.write_later(partial(_insert, "z"))
        await database.write_soon(partial(_insert, "b"))
        database.write_later(partial(_insert, "y"))
        await database.write(partial(_insert, "a"))
        assert await database.read(_keys) == ["z", "b", "y", "a"]


async def test_what_waits_is_written_when_the_database_is_closed(tmp_path: Path) -> None:
    """A server that ends in order loses none of it, whether anything was written before or not."""
    async with Database(tmp_path / "store.db") as database:
        database.write_later(partial(_insert, "a"))
    async with Database(tmp_path / "store.db") as database:
        assert await database.read(_keys) == ["a"]


async def test_one_that_can_not_be_written_takes_no_other_with_it(tmp_path: Path) -> None:
    """What it belongs to may be gone; neither those that wait beside it nor a later write notice."""
    async with Database(tmp_path / "store.db") as database:
        await database.open()
        for key in ("a", "a", "b"):
            database.write_later(partial(_insert, key))
        await database.write_soon(partial(_insert, "c"))
        assert await database.read(_keys) == ["a", "b", "c"]


async def test_it_is_written_by_itself_beside_whoever_writes(tmp_path: Path) -> None:
    """The event loop goes on while another process writes; then what waits is written, though nobody asks for it."""
    async with Database(tmp_path / "store.db") as database:
        await database.open()
        other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        database.write_later(partial(_insert, "a"))
        await anyio.sleep(2 * LATER_SECONDS)  # it is tried and finds the other in the way
        assert await database.look(_keys) == []
        other.execute("COMMIT")
        with anyio.fail_after(10):
            while _keys(other) != ["a"]:  # noqa: ASYNC110 - what writes is a thread that tells nobody
                await anyio.sleep(0.005)
        other.close()


async def test_who_reads_and_goes_away_takes_nothing_with_it(tmp_path: Path) -> None:
    """What waited for others is written, though the one for whom it was hurried no longer waits."""
    async with Database(tmp_path / "store.db") as database:
        await database.open()
        with _somebody_writing(database.path):
            database.write_later(partial(_insert, "a"))
            async with anyio.create_task_group() as group:
                for work in (database.read, database.write):
                    group.start_soon(work, _keys)
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()
        assert await database.read(_keys) == ["a"]


async def test_what_has_been_tried_in_vain_still_comes_first(tmp_path: Path) -> None:
    """Whoever reads or writes while it waits for another process does so after it."""
    async with Database(tmp_path / "store.db") as database:
        await database.open()
        seen: list[str] = []

        async def read() -> None:
            seen.extend(await database.read(_keys))

        async with anyio.create_task_group() as group:
            with _somebody_writing(database.path):
                database.write_later(partial(_insert, "z"))
                await anyio.sleep(2 * LATER_SECONDS)  # it is tried and finds the other in the way
                group.start_soon(read)
                await anyio.wait_all_tasks_blocked()
            await database.write_soon(partial(_insert, "a"))
        assert (seen[0], await database.read(_keys)) == ("z", ["z", "a"])


async def test_writes_keep_the_order_of_their_calls_behind_what_waits(tmp_path: Path) -> None:
    """The first to write hurries what waits, and is not overtaken by the second meanwhile."""
    async with Database(tmp_path / "store.db") as database:
        await database.open()
        database.write_later(partial(_insert, "c"))
        async with anyio.create_task_group() as group:
            group.start_soon(database.write, partial(_insert, "b"))
            group.start_soon(database.write, partial(_insert, "a"))
        assert await database.read(_keys) == ["c", "b", "a"]


async def test_a_defect_of_one_is_nobody_elses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told in the log; neither those that wait beside it nor a later write fail by it."""

    def fail(_: sqlite3.Connection) -> None:
        raise ValueError("a defect of ours")

    async with Database(tmp_path / "store.db") as database:
        await database.open()
        for work in (partial(_insert, "a"), fail, partial(_insert, "b")):
            database.write_later(work)
        await database.write_soon(partial(_insert, "c"))
        assert await database.read(_keys) == ["a", "b", "c"]
    assert "a defect of ours" in caplog.text
