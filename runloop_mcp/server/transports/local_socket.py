"""MCP for other processes of the same user, over a UNIX socket: a run's solver may be served by whoever has its devbox.

A caller first sends one line of JSON, `{"run_id": "scr_…"}`, and is answered with one, `{"serving": true}` or
`{"serving": false}`. From then on the connection is MCP as over stdio. `relay` is the other end.
"""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import TaskGroup
from mcp.server import MCPServer

from runloop_mcp.server.transports.relay import forget_dead, short_name
from runloop_mcp.server.transports.wire import Wire

logger = logging.getLogger(__name__)

ServerFor = Callable[[str], Awaitable[MCPServer | None]]
"""The server for a solver of a run, by the run's id; None where this process can't serve it."""

_HELLO_SECONDS: Final = 5.0
_HELLO_BYTES: Final = 500
_FLUSH_SECONDS: Final = 0.3
_END_SECONDS: Final = 1.0
"""What those who are connected get to be told of our end."""


@asynccontextmanager
async def serving_locally(path: Path, server_for: ServerFor) -> AsyncIterator[None]:
    """Serves whoever connects to a socket, as long as the block runs.

    Args:
        path: Where the socket is made; its folder keeps other users out.
        server_for: Tells who is served, and by what.
    """
    with _listener(path) as listener:
        callers = _Callers(server_for)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(callers.accept, listener, tasks)
            try:
                yield
            finally:
                callers.end()
                tasks.cancel_scope.deadline = anyio.current_time() + _END_SECONDS


class _Callers:
    """Those who are connected."""

    def __init__(self, server_for: ServerFor) -> None:
        self._server_for = server_for
        self._wires: set[Wire] = set()
        self._accepting = anyio.CancelScope()

    async def accept(self, listener: socket.socket, tasks: TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        with self._accepting:
            while True:
                connection, _ = await loop.sock_accept(listener)
                tasks.start_soon(self._serve, connection)

    def end(self) -> None:
        self._accepting.cancel()
        for wire in self._wires:
            wire.end()

    async def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(ConnectionError):
                connection.setblocking(False)
                with anyio.move_on_after(_HELLO_SECONDS) as hello:
                    server = await self._server_for(await _asked_for(connection))
                    answer = json.dumps({"serving": server is not None}) + "\n"
                    await asyncio.get_running_loop().sock_sendall(connection, answer.encode())
                if server is not None and not hello.cancelled_caught:
                    await self._speak(server, connection.fileno())
        except Exception:
            # The boundary of a background task: one caller's trouble must not end what others are served by.
            logger.exception("Serving another process over a local socket failed")

    async def _speak(self, server: MCPServer, descriptor: int) -> None:
        lowlevel = server._lowlevel_server  # noqa: SLF001  the SDK has no public way to serve on streams of one's own
        wire = Wire(descriptor, descriptor)
        self._wires.add(wire)
        try:
            await lowlevel.run(wire.incoming, wire.outgoing, lowlevel.create_initialization_options())
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await wire.outgoing.flush(_FLUSH_SECONDS)
        finally:
            self._wires.discard(wire)
            wire.close()


async def _asked_for(connection: socket.socket) -> str:
    """The run that a caller names; empty where it names none."""
    said = bytearray()
    while b"\n" not in said and len(said) < _HELLO_BYTES:
        more = await asyncio.get_running_loop().sock_recv(connection, _HELLO_BYTES)
        if not more:
            return ""
        said += more
    try:
        return str(json.loads(said)["run_id"])
    except (ValueError, KeyError, TypeError):
        return ""


@contextmanager
def _listener(path: Path) -> Iterator[socket.socket]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    forget_dead(path.parent)
    with socket.socket(socket.AF_UNIX) as listener:
        with short_name(path) as name:
            listener.bind(name)
        try:
            path.chmod(0o600)
            listener.listen()
            listener.setblocking(False)
            yield listener
        finally:
            path.unlink(missing_ok=True)
