"""A process in a box, seen from outside: its output is drained for ever, with bounded memory."""

import asyncio
import fcntl
import os
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.devbox.port import Exit, LimitHit, OutputSink, Process

from .feed import Feed

Work = Callable[[], Coroutine[Any, Any, None]]
Spawn = Callable[[Work], bool]
"""Runs a coroutine function in a task whose owner outlives the caller; False where that owner is gone."""

_CHUNK = 1 << 16
_BIG = 1 << 20
_HIGH_WATER = 1 << 20
_GRACE_SECONDS = 0.1
_OF_TIME = frozenset({LimitHit.CPUS})
"""Limits that cost nothing but time."""
_SHORT_SECONDS = 0.004
"""A program that ends within this is read once, when it has ended: its pipes need not be watched."""


class Stream:
    """Reads one pipe to its end. What comes before `finish` goes to the sink; what comes long after it goes nowhere."""

    def __init__(self, descriptor: int, sink: OutputSink, spawn: Spawn, on_finished: Callable[[], None]) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._sink = sink
        self._spawn = spawn
        self._on_finished = on_finished
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._size = _CHUNK
        self._open = True
        self._paused = False
        self._delivering = False
        self._late = False
        self.failure: BaseException | None = None
        self._watched = False

    def watch(self) -> None:
        """Reads from now on whenever there is something; else nothing is read before the end."""
        if self._open and not self._watched:
            self._watched = True
            self._loop.add_reader(self._descriptor, self._readable)

    @property
    def finished(self) -> bool:
        """Whether the sink will not be called again."""
        return (self._late or not self._open) and not self._chunks and not self._delivering

    def _read(self) -> bool:
        """Takes what is there; returns whether more can follow at once."""
        try:
            data = os.read(self._descriptor, self._size)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        if self._late or self.failure is not None:
            return True
        if len(data) == self._size == _CHUNK:
            self._grow()
        self._chunks.append(data)
        self._waiting_bytes += len(data)
        return True

    def _grow(self) -> None:
        """Makes room for a program that writes much: fewer, bigger reads."""
        if sys.platform != "linux":  # containers are driven from elsewhere too
            self._size = _BIG
            return
        try:
            self._size = fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, _BIG)
        except OSError:  # this user holds as much memory in pipes as allowed
            self._size = _CHUNK - 1

    def _readable(self) -> None:
        self._read()
        if self._waiting_bytes >= _HIGH_WATER and not self._paused and self._open:
            self._paused = True
            self._watched = False
            self._loop.remove_reader(self._descriptor)
        self._progress()

    def _progress(self) -> None:
        if self._chunks and not self._delivering:
            self._delivering = self._spawn(self._deliver)
            if not self._delivering:
                self.discard()
        if self.finished:
            self._on_finished()

    async def _deliver(self) -> None:
        try:
            while self._chunks:
                data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
                self._chunks.clear()
                self._waiting_bytes = 0
                self._resume()
                await self._sink(data)
        except Exception as error:  # noqa: BLE001 - the sink's own error; whoever waits for the process gets it
            self.failure = error
        finally:
            self._chunks.clear()
            self._delivering = False
            self._resume()
            if self.finished:
                self._on_finished()

    def _resume(self) -> None:
        if self._paused and self._open:
            self._paused = False
            self.watch()

    def process_ended(self) -> None:
        """Takes all that the process can have written; others that hold the pipe have a moment more."""
        if self._open:
            rounds = 2
            while self._read() and rounds:  # the second round tells an end from a pause
                rounds -= 1
        if self._open:
            if not self._paused:
                self.watch()
            self._loop.call_later(_GRACE_SECONDS, self._now_late)
        self._progress()

    def _now_late(self) -> None:
        self._late = True
        self._resume()
        self._progress()

    def discard(self) -> None:
        """Throws away all that still comes."""
        self._late = True
        self._chunks.clear()
        self._resume()

    def close(self) -> None:
        """Stops reading; what was read is still handed on."""
        if self._open:
            self._open = False
            if self._watched:
                self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)


class SandboxProcess(Process):
    """A process that a box's supervisor has started.

    Args:
        kill: Kills the tree and returns once that is done, or has ended the box because it could not be done.
        interrupt: Sends SIGINT; does nothing to a process that has ended.
        spawn: Runs what must go on when nobody waits.
    """

    def __init__(self, kill: Work, interrupt: Work, spawn: Spawn) -> None:
        self._kill = kill
        self._interrupt = interrupt
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        # Events and no shielded futures: whoever waits goes on in the next turn of the event loop, not the third.
        self._settled = asyncio.Event()
        self._exited = asyncio.Event()
        self.on_settled: Callable[[], None] | None = None
        """Called once it has ended and all of its output is with the sinks."""
        self._streams: tuple[Stream, ...] = ()
        self._feed: Feed | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._exit: Exit | None = None
        self._timed_out = False
        self.began = self._loop.time()

    def attach(self, outputs: list[tuple[int, OutputSink]], feed: Feed | None) -> None:
        """Takes over the engine's ends of the process's pipes."""
        self._streams = tuple(Stream(end, sink, self._spawn, self._maybe_done) for end, sink in outputs)
        self._feed = feed
        self._watch = self._loop.call_later(_SHORT_SECONDS, self._watch_outputs)

    def _watch_outputs(self) -> None:
        for stream in self._streams:
            stream.watch()

    def limit(self, seconds: float) -> None:
        """Kills the process after so long."""
        if self._exit is None:
            self._timer = self._loop.call_later(seconds, self._time_out)

    def _time_out(self) -> None:
        self._timed_out = True
        self._spawn(self._kill)

    def ended(self, code: int | None, limits: frozenset[LimitHit] = frozenset()) -> None:
        """Learns how the process ended: its exit code, negative for a signal; None where nobody saw it."""
        if self._exit is not None:
            return
        if not self._timed_out:
            limits -= _OF_TIME
        if code is None:
            self._exit = Exit(137, lost=True, limits=limits)
        else:
            signal = -code if code < 0 else None
            self._exit = Exit(128 - code if code < 0 else code, signal, timed_out=self._timed_out, limits=limits)
        self._exited.set()
        for timer in (self._watch, self._timer):
            if timer is not None:
                timer.cancel()
        if self._feed is not None:
            self._feed.close()
        for stream in self._streams:
            stream.process_ended()
        self._maybe_done()

    @property
    def running(self) -> bool:
        """Whether its end is not known yet."""
        return self._exit is None

    async def settled(self) -> None:
        """Waits until it has ended and all of its output is with the sinks."""
        await self._settled.wait()

    async def exited(self) -> None:
        """Waits until it is known how the process ended; its output may still be on its way."""
        await self._exited.wait()

    def _maybe_done(self) -> None:
        if self._exit is None or self._settled.is_set():
            return
        for stream in self._streams:
            if not stream.finished:
                return
        self._settled.set()
        if self.on_settled is not None:
            self.on_settled()

    def silence(self) -> None:
        """Throws away the output from now on: nobody wants it any more."""
        for stream in self._streams:
            stream.discard()

    def abandon(self) -> None:
        """Lets go of all pipes: the process was not started."""
        self.silence()
        for stream in self._streams:
            stream.close()
        self.ended(None)

    async def wait(self) -> Exit:  # noqa: D102 - the port says it
        await self._settled.wait()
        for stream in self._streams:
            if stream.failure is not None:
                raise stream.failure
        assert self._exit is not None  # noqa: S101 - it has settled
        return self._exit

    async def kill(self) -> None:  # noqa: D102 - the port says it
        if self._exit is None:
            await self._kill()
        await self._settled.wait()

    async def send_stdin(self, data: bytes) -> None:  # noqa: D102 - the port says it
        self._attached().send(data)

    async def end_stdin(self) -> None:  # noqa: D102 - the port says it
        self._attached().end()

    def _attached(self) -> Feed:
        self._refuse_ended()
        if self._feed is None or not self._feed.attached:
            raise InvalidState(
                "No standard input is attached to this command.",
                hint="Start it with attach_stdin to send input while it runs; it can be interrupted and killed.",
            )
        return self._feed

    def _refuse_ended(self) -> None:
        if self._exit is not None:
            raise InvalidState(
                f"The command has ended, with exit status {self._exit.status}.", hint="Its output can be read."
            )

    async def interrupt(self) -> None:  # noqa: D102 - the port says it
        self._refuse_ended()
        await self._interrupt()
