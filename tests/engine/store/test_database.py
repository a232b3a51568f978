"""The database: transactions, several processes, kill -9, fork, and failures that say what to do."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from forked_python import ForkedProcess

from runloop_mcp.api.errors import Conflict, Unavailable
from runloop_mcp.engine.store.database import Database

WRITER = """
import asyncio, sys
from pathlib import Path
from runloop_mcp.engine.store.database import Database

async def main(path, name, count):
    async with Database(Path(path)) as database:
        for number in range(count):
            def work(connection):
                # What it writes depends on what it reads, so that a lost update would show.
                (seen,) = connection.execute("SELECT count(*) FROM events").fetchone()
                connection.execute(
                    "INSERT INTO events (run_id, sequence, time_ms, kind) VALUES (?, ?, ?, 'note')",
                    (name, number, seen),
                )
            await database.write(work)
            print(number, flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def add_event(connection: sqlite3.Connection, run_id: str = "scr_a", sequence: int = 1) -> None:
    """A small write."""
    connection.execute(
        "INSERT INTO events (run_id, sequence, time_ms, kind) VALUES (?, ?, 0, 'note')", (run_id, sequence)
    )


def count_events(connection: sqlite3.Connection) -> int:
    """How many small writes there are."""
    return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def start_writer(path: Path, name: str, count: int) -> ForkedProcess:
    """A process of its own that writes, and prints the number of each write once it is acknowledged."""
    return ForkedProcess(["-c", WRITER, str(path), name, str(count)], stdout=subprocess.PIPE, text=True)


async def test_a_write_is_there_for_the_next_read_and_for_the_next_opening(tmp_path: Path) -> None:
    """What a write returned is seen by a read right after it, and after closing and opening again."""
    async with Database(tmp_path / "state.db") as database:
        await database.write(add_event)
        assert await database.read(count_events) == 1
    async with Database(tmp_path / "state.db") as database:
        assert await database.read(count_events) == 1


async def test_only_the_owner_can_read_the_file_and_its_directory(tmp_path: Path) -> None:
    """Nobody else on the machine reads the state, its journal included, whatever the umask."""
    before = os.umask(0)
    try:
        async with Database(tmp_path / "new" / "state.db") as database:
            await database.write(add_event)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert "state.db-wal" in modes
    assert set(modes.values()) == {0o600}


async def test_nothing_is_opened_before_the_first_use(tmp_path: Path) -> None:
    """A server that starts pays nothing for its database until it needs it."""
    async with Database(tmp_path / "new" / "state.db"):
        assert not (tmp_path / "new").exists()


async def test_work_that_raises_is_undone_and_its_error_reaches_the_caller(tmp_path: Path) -> None:
    """An error in a piece of work rolls back all of it, and the next write works."""

    def work(connection: sqlite3.Connection) -> None:
        add_event(connection)
        raise LookupError("on purpose")

    async with Database(tmp_path / "state.db") as database:
        with pytest.raises(LookupError, match="on purpose"):
            await database.write(work)
        assert await database.read(count_events) == 0
        await database.write(add_event, durable=True)
        assert await database.read(count_events) == 1


async def test_an_exhausted_iterator_in_a_piece_of_work_raises_instead_of_hanging(tmp_path: Path) -> None:
    """Even the one exception that a future refuses to carry reaches the caller."""
    async with Database(tmp_path / "state.db") as database:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await database.read(lambda _: next(iter([])))


async def test_a_read_cannot_write(tmp_path: Path) -> None:
    """What is handed to `read` by mistake changes nothing."""
    async with Database(tmp_path / "state.db") as database:
        with pytest.raises(Unavailable):
            await database.read(add_event)
        assert await database.read(count_events) == 0


async def test_a_read_sees_one_state_while_others_write(tmp_path: Path) -> None:
    """Two statements of one read agree, though a write is committed between them."""
    async with Database(tmp_path / "state.db") as database:
        await database.open()
        loop = asyncio.get_running_loop()

        def look_twice(connection: sqlite3.Connection) -> tuple[int, int]:
            first = count_events(connection)
            asyncio.run_coroutine_threadsafe(database.write(add_event), loop).result(timeout=10)
            return first, count_events(connection)

        assert await database.read(look_twice) == (0, 0)
        assert await database.read(count_events) == 1


async def test_writes_happen_in_the_order_of_the_calls(tmp_path: Path) -> None:
    """Writes that are asked for at once don't overtake each other."""
    order: list[int] = []
    async with Database(tmp_path / "state.db") as database:
        await asyncio.gather(*(database.write(lambda _, n=n: order.append(n)) for n in range(50)))
    assert order == list(range(50))


async def test_cancelling_a_waiting_caller_leaves_no_transaction_open(tmp_path: Path) -> None:
    """A caller that gives up in the middle of a write leaves a store that works, with the write whole or absent."""
    async with Database(tmp_path / "state.db") as database:
        await database.open()
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        release = asyncio.Event()

        def slow(connection: sqlite3.Connection) -> None:
            add_event(connection, sequence=1)
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(timeout=10)
            add_event(connection, sequence=2)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(database.write, slow)
            tasks.start_soon(database.write, lambda c: add_event(c, sequence=3))
            await begun.wait()
            tasks.cancel_scope.cancel()
        release.set()
        await database.write(lambda c: add_event(c, sequence=4))
        found = await database.read(lambda c: c.execute("SELECT sequence FROM events ORDER BY sequence").fetchall())
        # The one that had begun is there whole; the one that had not is not there at all.
        assert found == [(1,), (2,), (4,)]


async def test_after_closing_every_use_says_so(tmp_path: Path) -> None:
    """Closing finishes what was asked for before it, and later calls get a clear error."""
    database = Database(tmp_path / "state.db")
    waiting = asyncio.gather(*(database.write(lambda c, n=n: add_event(c, sequence=n)) for n in range(20)))
    await asyncio.sleep(0)  # lets the writes be asked for
    await database.aclose()
    await database.aclose()
    await waiting
    with pytest.raises(Unavailable, match="closed"):
        await database.read(count_events)
    async with Database(tmp_path / "state.db") as again:
        assert await again.read(count_events) == 20


async def test_a_locked_database_is_a_conflict_that_a_retry_cures(tmp_path: Path) -> None:
    """While another process writes for longer than the time-out, callers learn to try again."""
    async with Database(tmp_path / "state.db", busy_timeout_seconds=0.05) as database:
        await database.open()
        other = sqlite3.connect(database.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Conflict) as caught:
            await database.write(add_event)
        assert caught.value.retryable
        assert await database.read(count_events) == 0  # readers are never in the way
        other.execute("ROLLBACK")
        other.close()
        await database.write(add_event)


async def test_a_full_disk_is_unavailable_and_loses_nothing(tmp_path: Path) -> None:
    """A write that finds no space says so, and what was there before stays."""

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO scenario_versions (id, view) VALUES ('big', ?)", ("x" * 10_000_000,))

    async with Database(tmp_path / "state.db") as database:
        await database.write(add_event)
        await database.write(lambda c: c.execute("PRAGMA max_page_count = 100").fetchall())
        with pytest.raises(Unavailable, match="full"):
            await database.write(fill)
        await database.write(lambda c: add_event(c, sequence=2))
        assert await database.read(count_events) == 2


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """A damaged file is reported with its path and the way out."""
    (tmp_path / "state.db").write_bytes(b"not a database, but longer than SQLite's header of a hundred bytes" * 20)
    async with Database(tmp_path / "state.db") as database:
        with pytest.raises(Unavailable, match=r"state\.db is damaged") as caught:
            await database.open()
    assert "move the file" in caught.value.hint


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where the state directory is impossible, the error names it."""
    (tmp_path / "file").write_text("")
    async with Database(tmp_path / "file" / "state.db") as database:
        with pytest.raises(Unavailable, match="can't be made"):
            await database.open()


async def test_several_processes_open_and_write_at_once(tmp_path: Path) -> None:
    """Processes that all find no database set it up once between them, and each write sees all those before it."""
    writers = [start_writer(tmp_path / "state" / "state.db", f"scr_{n}", 25) for n in range(4)]
    for writer in writers:
        assert writer.stdout is not None
        with writer.stdout as output:
            await asyncio.to_thread(output.read)
        assert writer.wait(timeout=60) == 0
    async with Database(tmp_path / "state" / "state.db") as database:
        seen = await database.read(lambda c: c.execute("SELECT time_ms FROM events ORDER BY time_ms").fetchall())
    assert [row[0] for row in seen] == list(range(100))


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """A process killed while it writes leaves every write that it had been told of, and a sound database."""
    path = tmp_path / "state.db"
    for attempt in range(3):
        writer = start_writer(path, f"scr_{attempt}", 1_000_000)
        assert writer.stdout is not None
        with writer.stdout as output:
            acknowledged = [int((await asyncio.to_thread(output.readline)).strip()) for _ in range(100 + 50 * attempt)]
            writer.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in output.read().splitlines(keepends=True) if line.endswith("\n")]
        assert writer.wait(timeout=10) == -signal.SIGKILL
        async with Database(path) as database:
            rows = await database.read(
                lambda c, a=attempt: c.execute(
                    "SELECT sequence FROM events WHERE run_id = ? ORDER BY sequence", (f"scr_{a}",)
                ).fetchall()
            )
            assert await database.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()) == ("ok",)
        # At most the one write that was under way comes on top of what was acknowledged.
        assert len(acknowledged) <= len(rows) <= len(acknowledged) + 1
        assert [row[0] for row in rows] == list(range(len(rows)))


FORKER = """
import asyncio, os, sys
from pathlib import Path
from runloop_mcp.engine.store.database import Database

def add(name):
    return lambda c: c.execute("INSERT INTO events (run_id, sequence, time_ms, kind) VALUES (?, 1, 0, 'n')", (name,))

async def use(database, name):
    await database.write(add(name))
    return (await database.read(lambda c: c.execute("SELECT count(*) FROM events").fetchone()))[0]

database = Database(Path(sys.argv[1]))
assert asyncio.run(use(database, "parent")) == 1
child = os.fork()
if child == 0:
    assert asyncio.run(use(database, "child")) == 2
    asyncio.run(database.aclose())
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert asyncio.run(use(database, "again")) == 3
asyncio.run(database.aclose())
"""


async def test_a_forked_process_opens_its_own_connections(tmp_path: Path) -> None:
    """A process that forked with the database open, and its child, both go on using it."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKER, str(tmp_path / "state.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
