"""The database: one thread that writes, one that reads, each with a connection of its own; small writes need none."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar, TypeVarTuple

import anyio

from runloop_mcp.api.errors import Conflict, Unavailable
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.engine.store.session import Disk, Session
from runloop_mcp.engine.store.worker import CLOSE_SECONDS, Errand, Worker, tell_lost

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")
A = TypeVarTuple("A")
PageT = TypeVar("PageT", bound=PageParams)

logger = logging.getLogger(__name__)

_SMALL_PAGE = 20
"""Rows that are read on the event loop's own thread: what clients ask for who do not say how many."""

_COMMITS_PER_CHECKPOINT = 200
"""After so many writes on the event loop's own thread the journal is folded into the file, by the writing thread."""

_QUICK_FLUSH_SECONDS = 0.001
"""Where the last flush of the disk took less, the next one may hold up the event loop: two hand-overs between threads
take a good part of that, and several times as long where other programs want the processors."""

LATER_SECONDS: Final = 0.05
"""How long what is written later waits for more of its kind: what a killed process can lose of it."""


class Database:
    """The state, in one SQLite file that several processes may use at once.

    Opened at first use. What a write has acknowledged outlives a killed process; with `durable`, a power cut too.

    Args:
        path: The file; made with its directory where missing, readable by its owner alone.
        busy_timeout_seconds: How long to wait for another process that writes, before `Conflict`.
    """

    def __init__(self, path: Path, *, busy_timeout_seconds: float = 10) -> None:
        self.path = path
        self._busy_timeout_seconds = busy_timeout_seconds
        self._disk = Disk()
        self._process = os.getpid()
        self._writer: Worker | None = None
        self._reader: Worker | None = None
        self._here: Session | None = None
        self._glance: Session | None = None
        self._closed = False
        self._commits_here = 0
        self._later: list[Callable[[sqlite3.Connection], None]] = []
        self._errand: Errand | None = None
        """The last of what waited that the writing thread was given."""
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def open(self) -> None:
        """Opens and migrates the database now instead of at first use.

        Raises:
            Unavailable: It can't be opened, or was made by a newer program.
            Conflict: Another process holds it.
        """
        await self.write(lambda _: None)

    async def read(self, work: "Callable[[sqlite3.Connection], T]") -> T:
        """Runs `work` on the reading thread, on one consistent state that holds every write acknowledged before.

        Raises:
            Unavailable: The database can't be opened or read, or has been closed.
            Conflict: Another process holds it.
        """
        self._check()
        if self._later or self._is_under_way():
            await self._written_later()
        return await self._read_kept(work)

    async def _read_kept(self, work: "Callable[[sqlite3.Connection], T]") -> T:
        """Like `read`, without what `write_later` holds back."""
        self._check()
        if self._reader is None:
            self._reader = self._worker("reader", read_only=True)
        return await self._reader.do(work, durable=False)

    async def look(self, work: "Callable[[sqlite3.Connection], T]") -> T:
        """Like `read`, for a few rows that are found by an index: on the event loop's own thread.

        Such a read takes as long as a tenth of the two hand-overs between threads that it saves, and waits for nobody:
        writers do not hold up readers. It does not see what `write_later` holds back.

        Raises:
            Unavailable: The database can't be opened or read, or has been closed.
            Conflict: Another process holds it.
        """
        glance = self._glance_here()
        if glance is None:
            return await self._read_kept(work)
        try:
            return glance.transaction(work, durable=False)
        except Conflict:
            return await self._read_kept(work)

    async def recall(self, work: "Callable[[sqlite3.Connection, *A], T]", *arguments: *A, rows: int = 1) -> T:
        """Like `look`, for what is asked for again and again: read anew only where something was committed since.

        Whoever commits, in this process or another, has everything read anew, so that it is as fresh as by `look`.

        Args:
            work: Reads; a function that is the same for the same question, not one that is made for each call.
            arguments: What it is called with beside the connection; hashable.
            rows: How many rows its answer may hold, of which there are only so many remembered.

        Returns:
            What everybody gets who asks the same: it is not to be changed.

        Raises:
            Unavailable: The database can't be opened or read, or has been closed.
            Conflict: Another process holds it.
        """
        glance = self._glance_here()
        if glance is None:
            return await self._read_kept(lambda connection: work(connection, *arguments))
        try:
            return glance.recall(work, *arguments, rows=rows)
        except Conflict:
            return await self._read_kept(lambda connection: work(connection, *arguments))

    def _glance_here(self) -> Session | None:
        """The session of the event loop's own thread that only reads; None where the database is to be opened yet."""
        self._check()
        if self._reader is None:  # opening and migrating take their time
            return None
        if self._glance is None:
            self._glance = Session(self.path, self._disk, read_only=True, busy_timeout_seconds=0)
        return self._glance

    async def page(
        self,
        work: "Callable[[sqlite3.Connection, PageT, *A], T]",
        params: PageT,
        *arguments: *A,
    ) -> T:
        """One page of a list, read by `work`: a large one as by `read`, a small one as by `look`.

        The first one, which is what is asked for again and again, is remembered, as by `recall`.
        """
        if params.limit > _SMALL_PAGE:
            return await self.read(lambda connection: work(connection, params, *arguments))
        if params.starting_after is not None:
            return await self.look(lambda connection: work(connection, params, *arguments))
        return await self.recall(work, params, *arguments, rows=params.limit)

    async def write(self, work: "Callable[[sqlite3.Connection], T]", *, durable: bool = False) -> T:
        """Runs `work` on the writing thread in a transaction: kept when this returns, undone when `work` raises.

        Writes happen one after the other, in the order of the calls. Where the caller is cancelled, the write happens
        whole or not at all.

        Args:
            work: Called with the connection; must neither begin nor end a transaction.
            durable: Whether it must outlast a power cut, which costs a flush of the disk.

        Raises:
            Unavailable: The disk is full, or the database can't be opened or written, or has been closed.
            Conflict: Another process holds it.
        """
        self._check()
        self._hand_over()
        return await self._writing().do(work, durable=durable)

    async def write_soon(self, work: "Callable[[sqlite3.Connection], T]", *, durable: bool = False) -> T:
        """Like `write`, for a few small rows: on the event loop's own thread where nobody else is writing.

        What is durable is written there only while the disk flushes quickly, as the last flush told.

        Raises:
            Unavailable: The disk is full, or the database can't be opened or written, or has been closed.
            Conflict: Another process holds it; or `work` raises it.
        """
        begun = False

        def once(connection: "sqlite3.Connection") -> T:
            nonlocal begun
            begun = True
            return work(connection)

        if not durable or self._disk.flush_seconds < _QUICK_FLUSH_SECONDS:
            try:
                return self.write_now(once, durable=durable)
            except Conflict:
                if begun:  # it is the work's own, and what it has changed in memory must not be changed twice
                    raise
        return await self.write(work, durable=durable)

    def write_now(self, work: "Callable[[sqlite3.Connection], T]", *, durable: bool = False) -> T:
        """Like `write`, for a few small rows, on the event loop's own thread.

        Such a commit appends to the journal and waits for nobody: no lock, no checkpoint, and no flush unless it is
        durable. It costs a fifth of two hand-overs between threads, and it is made for every command.

        Raises:
            Unavailable: The disk is full, or the database can't be opened or written, or has been closed.
            Conflict: Somebody else is writing, or the database has yet to be opened, which takes its time.
        """
        self._check()
        if self._later:
            self._write_waiting()
        if self._is_under_way():
            raise Conflict("What was to be written before is still being written.", retry_after=1)
        return self._write_here(work, durable=durable)

    def write_later(self, work: "Callable[[sqlite3.Connection], None]") -> None:
        """Runs `work` together with others of its kind: after a moment, and before any later write of this process.

        For rows that nobody is told are kept: a killed process loses those of the last moment. Where it can't be
        written, the log says so. Must be called on the event loop.

        Raises:
            Unavailable: The database has been closed.
        """
        self._check()
        self._later.append(work)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATER_SECONDS, self._write_waiting)

    def _write_waiting(self) -> None:
        """Writes what waits, on this thread, or on the writing one where that is in the way; nobody waits for it."""
        if self._is_under_way():
            self._hand_over()
            return
        waiting = self._take_later()
        try:
            self._write_here(waiting)
        except Conflict:
            self._errand = self._writing().begin(waiting)
        except Unavailable as error:
            tell_lost(error)

    def _hand_over(self) -> None:
        """Gives what waits to the writing thread, which does it before all that it is given from now on."""
        if self._later:
            self._errand = self._writing().begin(self._take_later())

    async def _written_later(self) -> None:
        """Waits until all is written that was to be written later; it is, though whoever waits may go away."""
        self._hand_over()
        if self._errand is not None:
            await self._errand.done.wait()

    def _is_under_way(self) -> bool:
        """Whether the writing thread still has some of what waited."""
        if self._errand is not None and self._errand.done.is_set():
            self._errand = None
        return self._errand is not None

    def _take_later(self) -> "Callable[[sqlite3.Connection], None]":
        """What waits, as one piece of work; then nothing waits any more."""
        waiting, self._later = self._later, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

        def together(connection: "sqlite3.Connection") -> None:
            import sqlite3  # noqa: PLC0415 - as `Session` does

            for work in waiting:
                try:
                    work(connection)
                except sqlite3.IntegrityError as error:  # what it belongs to is gone; the others are still wanted
                    tell_lost(error)
                except sqlite3.Error:
                    raise  # it is the file's, and would be that of the others too
                except Exception:
                    # The boundary of those that asked: one's defect must undo neither the others nor a later write.
                    logger.exception("What was to be written later could not be written")

        return together

    def _write_here(self, work: "Callable[[sqlite3.Connection], T]", *, durable: bool = False) -> T:
        if self._writer is None:
            raise Conflict("The state database is not open yet.", retry_after=1)
        if self._here is None:
            self._here = Session(self.path, self._disk, read_only=False, busy_timeout_seconds=0, checkpoints=False)
        value = self._here.transaction(work, durable=durable)
        self._commits_here += 1
        if self._commits_here % _COMMITS_PER_CHECKPOINT == 0:
            # Without this a journal would grow for as long as nothing but commands is written.
            self._writer.checkpoint()
        return value

    async def aclose(self) -> None:
        """Finishes the work that was asked for and closes the file. Can be called repeatedly."""
        self._closed = True
        if self._process != os.getpid():
            return
        self._hand_over()
        # The reader first: the last to close folds the journal into the file, which only a writer may.
        for session in (self._glance, self._here):
            if session is not None:
                session.close()
        self._glance = self._here = None
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            for worker in (self._reader, self._writer):
                if worker is not None:
                    worker.finish()
                    await worker.ended()
        self._reader = self._writer = None

    def _writing(self) -> Worker:
        if self._writer is None:
            self._writer = self._worker("writer", read_only=False)
        return self._writer

    def _worker(self, role: str, *, read_only: bool) -> Worker:
        session = Session(self.path, self._disk, read_only=read_only, busy_timeout_seconds=self._busy_timeout_seconds)
        return Worker(session, name=f"runloop-store-{role}")

    def _check(self) -> None:
        if self._closed:
            raise Unavailable("The state database is closed: the server is ending.", hint="Call again once it is back.")
        if self._process != os.getpid():
            # Threads do not live on in a forked process, and their connections must not be used there.
            sessions = [worker.session for worker in (self._reader, self._writer) if worker is not None]
            sessions += [session for session in (self._here, self._glance) if session is not None]
            for session in sessions:
                session.leave_behind()
            self._reader = self._writer = self._here = self._glance = self._timer = None
            self._later, self._errand = [], None  # the process that it was forked from writes them
            self._process = os.getpid()
