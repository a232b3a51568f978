"""Reading and writing file descriptors without holding up the event loop.

Pipes, sockets and terminals are waited for by the loop itself: a hop through a worker thread for every line is half of
what a call costs over a stock stdio server. Only files go through threads, for which the system has no readiness.
"""

import asyncio
import os
import stat
from typing import Final

import anyio
import anyio.to_thread

_CHUNK: Final = 2**16


def reader_of(fd: int) -> "PolledReader | FileReader":
    """A reader that suits what the descriptor leads to."""
    return PolledReader(fd) if _is_stream(fd) or os.isatty(fd) else FileReader(fd)


def writer_of(fd: int) -> "PolledWriter | FileWriter":
    """A writer that suits what the descriptor leads to.

    A terminal is written like a file: it shares its mode with every program on it, so it must stay blocking.
    """
    return PolledWriter(fd) if _is_stream(fd) else FileWriter(fd)


def _is_stream(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


class PolledReader:
    """Reads a pipe, socket or terminal on the event loop."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._is_watched = False
        self._waiter: asyncio.Future[bytes | None] | None = None

    async def read(self) -> bytes | None:
        """What there is to read; empty at the end, None when there turns out to be nothing yet."""
        if not self._is_watched:
            self._is_watched = True
            self._loop.add_reader(self._fd, self._wake)
        self._waiter = self._loop.create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        """Stop watching."""
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._fd)

    def _wake(self) -> None:
        if self._waiter is None:
            # There is more than anyone wants at the moment. Watching starts again with the next read, and not before:
            # starting and stopping for each line would cost more than reading it.
            self.close()
        elif not self._waiter.done():
            # Read here, or the loop would find it readable once more before the reader has its turn.
            self._waiter.set_result(_read_chunk(self._fd))


class FileReader:
    """Reads a file or device in a worker thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    async def read(self) -> bytes | None:
        """What there is to read; empty at the end."""
        return await anyio.to_thread.run_sync(_read_chunk, self._fd)

    def close(self) -> None:
        """Nothing is watched."""


def _read_chunk(fd: int) -> bytes | None:
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        # A reset socket or a terminal that is gone: nothing more will come.
        return b""


class PolledWriter:
    """Writes to a pipe or socket on the event loop; what does not fit goes out as the client reads."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._was_blocking = os.get_blocking(fd)
        os.set_blocking(fd, False)
        self._loop = asyncio.get_running_loop()
        self._left = bytearray()
        self._gone: type[anyio.BrokenResourceError | anyio.ClosedResourceError] | None = None
        self._changed = anyio.Event()

    async def ready(self) -> None:
        """Return when nothing taken earlier is left to write."""
        while self._left and self._gone is None:
            await self._changed.wait()
        if self._gone is not None:
            raise self._gone

    async def write(self, frame: bytes) -> None:
        """Take a frame, whole."""
        written = self._write_some(frame)
        if self._gone is not None:
            raise self._gone
        if written < len(frame):
            self._left += memoryview(frame)[written:]
            self._changed = anyio.Event()
            self._loop.add_writer(self._fd, self._continue)

    def give_up(self) -> None:
        """Refuse frames from now on, if one is stuck."""
        if self._left:
            self._end(anyio.ClosedResourceError)

    def close(self) -> None:
        """Drop what is left."""
        self._end(anyio.ClosedResourceError)
        os.set_blocking(self._fd, self._was_blocking)

    def _continue(self) -> None:
        del self._left[: self._write_some(self._left)]
        if not self._left:
            self._loop.remove_writer(self._fd)
            self._changed.set()

    def _write_some(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            self._end(anyio.BrokenResourceError)
            return 0

    def _end(self, error: type[anyio.BrokenResourceError | anyio.ClosedResourceError]) -> None:
        if self._left:
            self._loop.remove_writer(self._fd)
        self._gone = self._gone or error
        self._changed.set()


class FileWriter:
    """Writes to a file, device or terminal in a worker thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    async def ready(self) -> None:
        """Every write is complete when it returns."""

    async def write(self, frame: bytes) -> None:
        """Write a frame, whole."""
        try:
            await anyio.to_thread.run_sync(self._write_all, frame)
        except OSError as error:
            raise anyio.BrokenResourceError from error

    def give_up(self) -> None:
        """Nothing is ever stuck."""

    def close(self) -> None:
        """Nothing is ever left."""

    def _write_all(self, frame: bytes) -> None:
        left = memoryview(frame)
        while left:
            left = left[os.write(self._fd, left) :]
