"""An ASGI application served over HTTP/1.1 and HTTP/2 with prior knowledge, on one port.

The protocols are hypercorn's; accepting, bounds and the end are ours. Hypercorn's own serving loop waits for clients
when it ends: for open streams until its time-out, for a client that does not read for ever, and from Python 3.12 on for
every connection that is left.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import anyio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config

from runloop_mcp.server.transports.connection import Connection
from runloop_mcp.server.transports.open_calls import StreamedCalls
from runloop_mcp.server.transports.requests import ABORT, OpenRequests
from runloop_mcp.server.transports.signals import Stop

if TYPE_CHECKING:
    from starlette.types import ASGIApp

GRACE_SECONDS: Final = 1.0
"""How long calls in progress may run on when the server ends, and the longest where Ctrl-C ends it."""

CLOSE_SECONDS: Final = 0.5
"""How long clients may take to read what is left and close."""

CONNECTION_LIMIT: Final = 1000

IDLE_SECONDS: Final = 75.0
"""How long a connection without a request stays open, and how long the head of a request may take."""

_log = logging.getLogger(__name__)


async def serve_asgi(
    app: "ASGIApp",
    listener: socket.socket,
    *,
    stop: Stop,
    ready: Callable[[], None] | None = None,
    drain_seconds: float = GRACE_SECONDS,
    streamed: StreamedCalls | None = None,
) -> None:
    """Serve until `stop` is asked for; then return a second after the drain at the latest, whatever clients do.

    While calls in progress finish, new requests are answered 503, on new connections too: whoever watches the server
    learns that it ends, and other clients when to come back. The application's lifespan is the caller's to enter,
    around this call.

    Args:
        app: The ASGI application.
        listener: A socket that listens; closed on return.
        stop: Asks for the end.
        ready: Called when clients can connect.
        drain_seconds: How long calls in progress may run on; a second at most where somebody pressed Ctrl-C.
        streamed: Counts the calls that are answered on streams of their sessions.
    """
    requests = OpenRequests(app, streamed=streamed)
    connections = _Connections(requests)
    _detect_dead_peers(listener)
    try:
        async with anyio.create_task_group() as tasks:
            server = await asyncio.start_server(
                lambda reader, writer: connections.accept(reader, writer, tasks), sock=listener
            )
            tasks.start_soon(requests.watch)
            tasks.start_soon(requests.watch_keys)
            try:
                if ready is not None:
                    ready()
                await stop.wait()
                await requests.end(min(drain_seconds, GRACE_SECONDS) if stop.is_impatient else drain_seconds)
            finally:
                server.close()
            await connections.end(CLOSE_SECONDS)
            tasks.cancel_scope.cancel()
    finally:
        connections.drop()
        listener.close()


class _Connections:
    """The connections that are open."""

    def __init__(self, app: OpenRequests) -> None:
        self._requests = app
        self._app = ASGIWrapper(app)  # type: ignore[arg-type]  # hypercorn types ASGI's messages, Starlette not
        self._config = _config()
        self._open: set[Connection] = set()
        self._changed = anyio.Event()
        self._ending = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tasks: anyio.abc.TaskGroup) -> None:
        if self._ending or (len(self._open) >= CONNECTION_LIMIT and not self._make_room()):
            writer.transport.abort()
            return
        state: dict[str, object] = {ABORT: writer.transport.abort}
        connection = Connection(self._app, self._config, state, IDLE_SECONDS, reader, writer)
        self._open.add(connection)
        tasks.start_soon(self._run, connection)

    def _make_room(self) -> bool:
        """Close a connection without a request, or whose client neither sends nor reads; whether there was one.

        Clients that open connections and say nothing need no key, and must not keep others out.
        """
        idle = [connection for connection in self._open if connection.is_idle]
        if not idle:
            return self._requests.make_room()
        least = min(idle, key=lambda connection: connection.worth)
        self._open.discard(least)
        least.abort()
        return True

    async def _run(self, connection: Connection) -> None:
        try:
            await connection.run()
        except Exception as error:  # noqa: BLE001  one client's nonsense must not end the others
            _log.warning("A connection was dropped: %r", error)
        finally:
            connection.abort()
            self._open.discard(connection)
            self._changed.set()

    async def end(self, seconds: float) -> None:
        """Close idle connections, and the others when they have taken what is left, or after `seconds`."""
        self._ending = True
        for connection in tuple(self._open):
            await connection.end()
        with anyio.move_on_after(seconds):
            while self._open:
                self._changed = anyio.Event()
                await self._changed.wait()

    def drop(self) -> None:
        for connection in self._open:
            connection.abort()


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.loglevel = "WARNING"
    config.include_server_header = False
    config.keep_alive_max_requests = 1_000_000
    return config


def _detect_dead_peers(listener: socket.socket) -> None:
    """Let the system end connections whose other side is gone without a word, after about two minutes."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
