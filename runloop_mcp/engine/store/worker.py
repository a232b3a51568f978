"""A thread with a connection of its own, which does what it is given in the order in which it comes."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from runloop_mcp.engine.store.session import Session

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 30
"""How long closing waits for work that has begun; longer than the busy time-out."""


@dataclass(slots=True)
class _Outcome(Generic[T]):
    """What a piece of work gave: raised in the coroutine that asked, since a future can't carry every exception."""

    value: T | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class Job(Generic[T]):
    """A piece of work on its way to a thread, and who waits for it."""

    work: "Callable[[sqlite3.Connection], T]"
    durable: bool
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[_Outcome[T]]"

    def run(self, worker: "Worker") -> None:
        """Does it, on the worker's thread, and hands back what comes of it."""
        if self.future.cancelled():
            return
        outcome: _Outcome[T] = _Outcome()
        try:
            outcome.value = worker.session.transaction(self.work, durable=self.durable)
        except BaseException as error:  # noqa: BLE001 - every one of them belongs to whoever asked
            outcome.error = error
        try:
            self.loop.call_soon_threadsafe(self._hand_back, outcome)
        except RuntimeError:
            return  # the event loop has ended, and nobody waits any more

    def _hand_back(self, outcome: _Outcome[T]) -> None:
        if not self.future.done():
            self.future.set_result(outcome)


@dataclass(slots=True)
class Errand:
    """A piece of work on its way to the writing thread, which is done whether anybody waits for it or not."""

    work: "Callable[[sqlite3.Connection], None]"
    loop: asyncio.AbstractEventLoop
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def run(self, worker: "Worker") -> None:
        """Does it, on the worker's thread; the log tells where that fails."""
        try:
            worker.session.transaction(self.work, durable=False)
        except Exception as error:  # noqa: BLE001 - the boundary of the thread
            tell_lost(error)
        try:
            self.loop.call_soon_threadsafe(self.done.set)
        except RuntimeError:
            return  # the event loop has ended, and nobody waits any more


class _Checkpoint:
    """A checkpoint on its way to the writing thread, for which nobody waits."""

    def run(self, worker: "Worker") -> None:
        try:
            worker.session.checkpoint()
        except Exception:
            # The boundary of the thread: the journal only grows meanwhile, and a write that fails tells why.
            logger.warning("The journal of the state database could not be folded into it", exc_info=True)


class Worker:
    """A thread that owns a session and runs jobs in the order in which they come."""

    def __init__(self, session: Session, *, name: str) -> None:
        self.session = session
        self._jobs: SimpleQueue[Job[object] | Errand | _Checkpoint | None] = SimpleQueue()
        self._ended = threading.Event()
        # A daemon: a server that is told to go does not wait for the disk; what it acknowledged is kept all the same.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def do(self, work: "Callable[[sqlite3.Connection], T]", *, durable: bool) -> T:
        """Has the thread do work in a transaction, and waits for what it gives or raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Outcome[T]] = loop.create_future()
        job: Job[T] = Job(work, durable, loop, future)
        self._jobs.put(job)  # type: ignore[arg-type]  # a job hands its value to nobody but its own future
        outcome = await future
        if outcome.error is not None:
            raise outcome.error
        return outcome.value  # type: ignore[return-value]  # the value of the work, None only where T has it

    def begin(self, work: "Callable[[sqlite3.Connection], None]") -> Errand:
        """Has the thread do work for which nobody need wait."""
        errand = Errand(work, asyncio.get_running_loop())
        self._jobs.put(errand)
        return errand

    def _run(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                job.run(self)
                del job  # nothing of a finished job is kept while the thread waits for the next
        finally:
            try:
                self.session.close()
            finally:
                self._ended.set()

    def checkpoint(self) -> None:
        """Has the thread fold the journal into the file."""
        self._jobs.put(_Checkpoint())

    def finish(self) -> None:
        """Tells the thread to end after the jobs that it has."""
        self._jobs.put(None)

    async def ended(self) -> None:
        """Waits until the thread has closed its connection."""
        await anyio.to_thread.run_sync(self._ended.wait, CLOSE_SECONDS, abandon_on_cancel=True)


def tell_lost(error: Exception) -> None:
    """Says in the log that something is lost of which nobody was told that it is kept."""
    logger.warning("What was to be written later could not be written: %s", error)
