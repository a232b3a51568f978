"""One TCP connection that speaks HTTP/1.1 or HTTP/2, over hypercorn's protocols.

Hypercorn's own connection starts and cancels a task around every request, sends a response in three packets, and keeps
a connection whose client is gone until its idle time is over. This one does neither, and can be ended from outside.
"""

import asyncio
import math
import socket
from contextlib import suppress
from typing import Final

from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.typing import AppWrapper, ConnectionState

_CHUNK: Final = 2**16
_SEND_AT_ONCE: Final = 2**15

_Address = tuple[str, int]


class Connection:
    """A client's connection.

    Args:
        app: What answers its requests.
        config: Hypercorn's settings.
        state: What the ASGI scope of each request holds as its state.
        idle_seconds: How long it stays open without a request.
        reader: What the client sends.
        writer: What the client is sent.
    """

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        state: dict[str, object],
        idle_seconds: float,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._app = app
        self._config = config
        self._state = ConnectionState(state)
        self._idle_seconds = idle_seconds
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._context = WorkerContext(None)
        self._unsent: list[bytes] = []
        self._idle_timer: asyncio.TimerHandle | None = None
        self._had_request = False

    async def run(self) -> None:
        """Serve until the client leaves, is idle for too long, or `end` was called and it is idle."""
        async with TaskGroup(self._loop) as tasks:
            self._protocol = ProtocolWrapper(
                self._app,
                self._config,
                self._context,
                tasks,
                self._state,
                False,  # no TLS: that is a reverse proxy's
                self._address("peername"),
                self._address("sockname"),
                self._send,
            )
            self._set_idle(True)
            try:
                await self._protocol.initiate()
                with suppress(OSError):
                    while data := await self._reader.read(_CHUNK):
                        await self._protocol.handle(RawData(data))
                await self._protocol.handle(Closed())
            finally:
                self._set_idle(False)
        self._flush()
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    @property
    def is_idle(self) -> bool:
        """Whether no request is in progress."""
        return self._idle_timer is not None

    @property
    def worth(self) -> tuple[bool, float]:
        """How much is lost where it is closed while it is idle: least where it never had a request, and is old."""
        return self._had_request, self._idle_timer.when() if self._idle_timer is not None else math.inf

    async def end(self) -> None:
        """Take no further requests, and close as soon as none is in progress."""
        await self._context.terminated.set()
        if self._idle_timer is not None:
            self._close()

    def abort(self) -> None:
        """Drop the connection, whatever is under way."""
        self._writer.transport.abort()

    async def _send(self, event: Event) -> None:
        """What the protocol wants done."""
        if isinstance(event, RawData):
            await self._send_data(event.data)
        elif isinstance(event, Closed):
            self._close()
        elif isinstance(event, Updated):
            self._set_idle(event.idle)
            if event.idle and self._context.terminated.is_set():
                self._close()

    async def _send_data(self, data: bytes) -> None:
        if not self._unsent:
            # Head, body and end of a response leave in one packet.
            self._loop.call_soon(self._flush)
        self._unsent.append(data)
        if len(data) >= _SEND_AT_ONCE:
            self._flush()
        try:
            await self._writer.drain()
        except ConnectionError:
            await self._protocol.handle(Closed())

    def _flush(self) -> None:
        if self._unsent and not self._writer.is_closing():
            self._writer.write(b"".join(self._unsent))
        self._unsent.clear()

    def _close(self) -> None:
        self._flush()
        self._writer.close()

    def _set_idle(self, idle: bool) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._had_request = self._had_request or not idle
        self._idle_timer = self._loop.call_later(self._idle_seconds, self._close) if idle else None

    def _address(self, which: str) -> _Address | None:
        connected: socket.socket = self._writer.get_extra_info("socket")
        address = self._writer.get_extra_info(which)
        return (address[0], address[1]) if connected.family in (socket.AF_INET, socket.AF_INET6) and address else None
