"""Reads of a few rows on the event loop's own thread: as fresh as the others, and never a wait."""

import gc
import sqlite3
import subprocess
import sys
from pathlib import Path
from weakref import WeakSet

import pytest

from runloop_mcp.api.errors import InvalidRequest, Unavailable
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.api.models.run import RunListParams
from runloop_mcp.engine.store.database import Database


def _insert(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("INSERT INTO idempotency_keys VALUES ('scope', ?, 'arguments', 'target', 1)", (key,))


def _keys(connection: sqlite3.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM idempotency_keys ORDER BY key")]


_OTHER_PROCESS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("INSERT INTO idempotency_keys VALUES ('scope', ?, 'arguments', 'target', 1)", sys.argv[2:])
"""


class _Question:
    """Reads the keys with a letter, and counts how often it was read."""

    def __init__(self) -> None:
        self.reads = 0

    def answer(self, connection: sqlite3.Connection, letter: str) -> list[str]:
        self.reads += 1
        return [key for key in _keys(connection) if letter in key]

    def page(self, connection: sqlite3.Connection, params: PageParams, letter: str) -> list[str]:
        return self.answer(connection, letter)[: params.limit]


async def test_a_look_sees_what_was_written_before(tmp_path: Path) -> None:
    """Each write that has returned is seen, whichever thread made it; and so is one of another process."""
    async with Database(tmp_path / "store.db") as database:
        assert await database.look(_keys) == []
        await database.write(lambda connection: _insert(connection, "a"))
        assert await database.look(_keys) == ["a"]
        await database.write_soon(lambda connection: _insert(connection, "b"))
        assert await database.page(lambda found, _: _keys(found), PageParams(limit=1)) == ["a", "b"]
        with sqlite3.connect(tmp_path / "store.db") as other:
            _insert(other, "c")
        other.close()
        for limit in (1, 5000):
            assert await database.page(lambda found, _: _keys(found), PageParams(limit=limit)) == ["a", "b", "c"]
        assert await database.look(_keys) == ["a", "b", "c"]


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


async def test_what_is_recalled_is_read_once_for_each_question(tmp_path: Path) -> None:
    """While nothing is committed the same question is read once, and others get answers of their own."""
    question = _Question()
    async with Database(tmp_path / "store.db") as database:
        await database.write(lambda connection: _insert(connection, "ab"))
        await database.read(_keys)
        for _ in range(3):
            assert await database.recall(question.answer, "a") == ["ab"]
            assert await database.recall(question.answer, "z") == []
            assert await database.page(question.page, PageParams(), "b") == ["ab"]
        assert question.reads == 3


async def test_no_more_rows_are_remembered_than_memory_has_room_for(tmp_path: Path) -> None:
    """However many pages are asked for: those that were are let go, and read again."""

    class Row:
        pass

    def page(_: sqlite3.Connection, params: RunListParams) -> list[Row]:
        return [Row() for _ in range(params.limit)]

    async with Database(tmp_path / "store.db") as database:
        await database.read(_keys)
        kept: WeakSet[Row] = WeakSet()
        for number in range(30):
            kept.update(await database.page(page, RunListParams(search=str(number))))
        gc.collect()
        assert len(kept) <= 220


@pytest.mark.parametrize("who", ["writing thread", "event loop", "other process"])
async def test_whoever_commits_what_is_recalled_is_as_fresh_as_any_read(tmp_path: Path, who: str) -> None:
    """After each commit by any connection the next question finds it."""
    path, question = tmp_path / "store.db", _Question()
    async with Database(path) as database:
        await database.write(lambda _: None)
        await database.read(_keys)
        for number in range(3):
            key = f"a{number}"
            assert len(await database.recall(question.answer, "a")) == number
            assert len(await database.page(question.page, PageParams(), "a")) == number
            if who == "writing thread":
                await database.write(lambda connection, key=key: _insert(connection, key))  # type: ignore[misc]
            elif who == "event loop":
                database.write_now(lambda connection, key=key: _insert(connection, key))  # type: ignore[misc]
            else:
                subprocess.run([sys.executable, "-c", _OTHER_PROCESS, str(path), key], check=True)
        assert await database.recall(question.answer, "a") == ["a0", "a1", "a2"]
        assert await database.page(question.page, PageParams(), "a") == ["a0", "a1", "a2"]


async def test_pages_that_differ_in_anything_are_recalled_apart(tmp_path: Path) -> None:
    """Each filter and limit has its own answer, and what fails is asked again."""

    def told(_: sqlite3.Connection, params: RunListParams) -> str:
        if params.name == "none":
            raise InvalidRequest("There is none.")
        return params.model_dump_json()

    async with Database(tmp_path / "store.db") as database:
        await database.read(_keys)
        asked = [
            RunListParams(),
            RunListParams(limit=3),
            RunListParams(name="a"),
            RunListParams(search="a"),
            RunListParams(starting_after="a"),
        ]
        for params in [*asked, *asked]:
            assert await database.page(told, params) == params.model_dump_json()
        for _ in range(2):
            with pytest.raises(InvalidRequest):
                await database.page(told, RunListParams(name="none"))


async def test_more_questions_than_are_remembered_are_answered(tmp_path: Path) -> None:
    """What is asked of ever new things is read each time; memory does not grow with it."""
    question = _Question()
    async with Database(tmp_path / "store.db") as database:
        await database.write(lambda connection: _insert(connection, "1"))
        await database.read(_keys)
        for number in range(1000):
            assert await database.recall(question.answer, str(number)) == (["1"] if number == 1 else [])
        assert await database.recall(question.answer, "1") == ["1"]
        assert question.reads == 1001
