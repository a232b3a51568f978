"""JSON-RPC over two file descriptors, in the shape the SDK's serving loop takes: a stream in, a stream out."""

import select
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import anyio
import anyio.lowlevel
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification, JSONRPCRequest, RequestId

from runloop_mcp.server.transports.descriptors import reader_of, writer_of
from runloop_mcp.server.transports.framing import LineCutter, Refused, TooLong, answers, decode, encode

GRACE_SECONDS: Final = 1.0
"""How long calls may run on after the client closed its end: `printf … | runloop-mcp` gets its answers, and a client
that only wants the server gone waits no longer than this."""

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
        self.incoming.end()
        self.outgoing.close()


class Incoming:
    """The client's messages. Lines that hold none are answered here and never seen by the server."""

    def __init__(self, fd: int, outgoing: "Outgoing", unanswered: "_Unanswered") -> None:
        self._outgoing = outgoing
        self._unanswered = unanswered
        self._cutter = LineCutter()
        self._lines: deque[bytes | TooLong] = deque()
        self._client_is_done = False
        self._ended = False
        self._waiting: anyio.CancelScope | None = None
        self._reader = reader_of(fd)

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
        self._reader.close()
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
        data = await self._reader.read()
        if data:
            self._lines.extend(self._cutter.feed(data))
        elif data is not None:
            self._lines.extend(self._cutter.end())
            self._client_is_done = True

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
        self._fd = fd
        self._writer = writer_of(fd)
        self._unanswered = unanswered
        self.when_broken: Callable[[], None] | None = None
        """Called when the client turns out to read no longer."""
        # One sender at a time waits for the client to read; the others queue, in order.
        self._turn = anyio.Lock(fast_acquire=True)
        self._closed = False
        self._waiting = 0

    async def send(self, item: SessionMessage, /) -> None:
        """Write a message, after waiting for the client to have read what was written before.

        Raises:
            anyio.ClosedResourceError: The stream was closed or given up.
            anyio.BrokenResourceError: The client no longer reads.
        """
        frame = encode(item.message)
        try:
            self._waiting += 1
            async with self._turn:
                await self._writer.ready()
                if self._closed:
                    raise anyio.ClosedResourceError
                await self._writer.write(frame)
        except anyio.BrokenResourceError:
            if self.when_broken is not None:
                self.when_broken()
            raise
        finally:
            self._waiting -= 1
        request_id = answers(item.message)
        if request_id is None:
            # A handler that reports in a loop must let the client's cancellation be read.
            await anyio.lowlevel.checkpoint()
        else:
            self._unanswered.remove(request_id)

    async def room(self) -> None:
        """Return when few enough senders wait for the client to read."""
        if self._waiting >= _SENDERS_WAITING:
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
