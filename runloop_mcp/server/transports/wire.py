"""JSON-RPC over two file descriptors, in the shape the SDK's serving loop takes: a stream in, a stream out.

The descriptors are read and written on the event loop itself: a hop through a worker thread for every line is half of
what a call costs over a stock stdio server. Only files go through threads, for which the system has no readiness.
"""

import asyncio
import os
import select
import stat
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import anyio
import anyio.lowlevel
import anyio.to_thread
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification, JSONRPCRequest, RequestId

from runloop_mcp.server.transports.framing import LineCutter, Refused, TooLong, answers, decode, encode

GRACE_SECONDS: Final = 1.0
"""How long calls may run on after the client closed its end: `printf … | runloop-mcp` gets its answers, and a client
that only wants the server gone waits no longer than this."""

_CHUNK: Final = 2**16
_SENDERS_WAITING: Final = 256
"""Results held for a client that does not read, before we stop reading from it."""

_NEVER_ANSWERED: Final = "subscriptions/listen"


class Wire:
    """One client, over a descriptor to read from and one to write to.

    Args:
        read_fd: A pipe, socket, terminal, file or device; stays open.
        write_fd: Likewise. A pipe or socket is switched to non-blocking, and back by `close`.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._unanswered = _Unanswered()
        self.outgoing = Outgoing(write_fd, self._unanswered)
        self.incoming = Incoming(read_fd, self.outgoing, self._unanswered)
        self.outgoing.when_broken = self.incoming.end

    def end(self) -> None:
        """End the stream in at once, and give up on a client that does not read."""
        self.outgoing.give_up()
        self.incoming.end()

    def close(self) -> None:
        """Leave the descriptors as they were found."""
        self.outgoing.close()


class Incoming:
    """The client's messages. Lines that hold none are answered here and never seen by the server."""

    def __init__(self, fd: int, outgoing: "Outgoing", unanswered: "_Unanswered") -> None:
        self._fd = fd
        self._outgoing = outgoing
        self._unanswered = unanswered
        self._cutter = LineCutter()
        self._lines: deque[bytes | TooLong] = deque()
        self._client_is_done = False
        self._ended = False
        self._waiting: anyio.CancelScope | None = None
        mode = os.fstat(fd).st_mode
        self._is_polled = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)

    async def receive(self) -> SessionMessage:
        """The next message.

        Raises:
            anyio.EndOfStream: The client is done, and its calls are answered or have had their grace; or `end` was
                called.
        """
        with anyio.CancelScope() as self._waiting, suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            while not self._ended:
                if self._lines:
                    if (message := await self._next_message()) is not None:
                        return message
                elif self._client_is_done:
                    await self._finish()
                else:
                    await self._read()
        self._ended = True
        raise anyio.EndOfStream

    def end(self) -> None:
        """End the stream now, whatever is still to come."""
        self._ended = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def _next_message(self) -> SessionMessage | None:
        try:
            message = decode(self._lines.popleft())
        except Refused as refused:
            await self._outgoing.send(SessionMessage(refused.reply))
            return None
        if isinstance(message, JSONRPCRequest):
            self._unanswered.add(message)
        elif isinstance(message, JSONRPCNotification):
            self._unanswered.cancelled(message)
        return None if message is None else SessionMessage(message)

    async def _read(self) -> None:
        await self._outgoing.room()
        if self._is_polled:
            await anyio.wait_readable(self._fd)
            data = self._read_chunk()
        else:
            data = await anyio.to_thread.run_sync(self._read_chunk)
        if data:
            self._lines.extend(self._cutter.feed(data))
        elif data is not None:
            self._lines.extend(self._cutter.end())
            self._client_is_done = True

    def _read_chunk(self) -> bytes | None:
        """What there is to read: empty at the end, None when there turns out to be nothing yet."""
        try:
            return os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            # A reset socket or a terminal that is gone: nothing more will come.
            return b""

    async def _finish(self) -> None:
        if not self._outgoing.reader_is_gone():
            with anyio.move_on_after(GRACE_SECONDS):
                await self._unanswered.none_left()
        self._ended = True

    async def aclose(self) -> None:
        """End the stream."""
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Outgoing:
    """The server's messages. A message is written whole or not at all, also when its sender is cancelled."""

    def __init__(self, fd: int, unanswered: "_Unanswered") -> None:
        mode = os.fstat(fd).st_mode
        polled = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._fd = fd
        self._writer = _PolledWriter(fd) if polled else _FileWriter(fd)
        self._unanswered = unanswered
        self.when_broken: Callable[[], None] | None = None
        """Called when the client turns out to read no longer."""
        # One sender at a time waits for the client to read; the others queue, in order.
        self._turn = anyio.Lock(fast_acquire=True)
        self._closed = False

    async def send(self, item: SessionMessage, /) -> None:
        """Write a message, after waiting for the client to have read what was written before.

        Raises:
            anyio.ClosedResourceError: The stream was closed or given up.
            anyio.BrokenResourceError: The client no longer reads.
        """
        frame = encode(item.message)
        try:
            async with self._turn:
                await self._writer.ready()
                if self._closed:
                    raise anyio.ClosedResourceError
                await self._writer.write(frame)
        except anyio.BrokenResourceError:
            if self.when_broken is not None:
                self.when_broken()
            raise
        request_id = answers(item.message)
        if request_id is None:
            # A handler that reports in a loop must let the client's cancellation be read.
            await anyio.lowlevel.checkpoint()
        else:
            self._unanswered.remove(request_id)

    async def room(self) -> None:
        """Return when few enough senders wait for the client to read."""
        if self._turn.statistics().tasks_waiting >= _SENDERS_WAITING:
            async with self._turn:
                await self._writer.ready()

    async def flush(self, seconds: float) -> None:
        """Wait until the client has taken everything, at most for `seconds`."""
        with anyio.move_on_after(seconds):
            await self._writer.ready()

    def give_up(self) -> None:
        """If the client is behind with reading, write nothing more and let nobody wait for it."""
        self._writer.give_up()

    def reader_is_gone(self) -> bool:
        """Whether nobody can read what is written any more."""
        poll = select.poll()
        poll.register(self._fd, 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))

    async def aclose(self) -> None:
        """Refuse further messages; what was taken is still written."""
        self._closed = True

    def close(self) -> None:
        """Drop what is not written and leave the descriptor as it was found."""
        self._closed = True
        self._writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _PolledWriter:
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


class _FileWriter:
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


class _Unanswered:
    """The requests whose answers are still owed."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._changed = anyio.Event()

    def add(self, request: JSONRPCRequest) -> None:
        if request.method != _NEVER_ANSWERED:
            self._ids.add(str(request.id))

    def cancelled(self, notification: JSONRPCNotification) -> None:
        if notification.method == "notifications/cancelled" and notification.params:
            self.remove(notification.params.get("requestId", ""))

    def remove(self, request_id: RequestId) -> None:
        self._ids.discard(str(request_id))
        if not self._ids:
            self._changed.set()

    async def none_left(self) -> None:
        while self._ids:
            self._changed = anyio.Event()
            await self._changed.wait()
