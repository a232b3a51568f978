"""MCP over stdin and stdout, for a client that starts the server as its child."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import anyio
from mcp.server import MCPServer

from runloop_mcp.server.transports.signals import Stop, stop_on_signals
from runloop_mcp.server.transports.wire import Wire

FLUSH_SECONDS: Final = 0.3
"""How long the last answers may take to leave when a server ends."""

PARENT_CHECK_SECONDS: Final = 1.0
"""How often the server looks whether whoever started it still lives."""


async def serve_stdio(server: MCPServer, *, stop: Stop | None = None, parent_pid: int | None = None) -> None:
    """Serve one client over stdin and stdout until it is done with us.

    Returns normally, so that `async with` blocks around it clean up and the process ends with status 0, when

    - the client closed stdin; calls in flight get one second to finish and be answered,
    - SIGTERM, SIGINT or SIGHUP arrived; calls in flight are cancelled and their callers told,
    - the parent process died although someone holds the pipe open,
    - the client no longer reads.

    While serving, descriptor 0 is empty and 1 leads to stderr: a stray `print` here or in a child never reaches the
    client, and no child eats its messages.

    Args:
        server: The server, with everything registered.
        stop: What `stop_on_signals` yielded, when the caller entered it around more than this call.
        parent_pid: Whose death ends the server; the parent at the time of the call where None. A caller that took long
            to start passes what `os.getppid()` said at first.
    """
    if sys.stdin is None or sys.stdout is None:
        # Started with a closed descriptor: there is no client, and its number belongs to something else by now.
        return
    parent = os.getppid() if parent_pid is None else parent_pid
    with ExitStack() as resources:
        stop = stop or resources.enter_context(stop_on_signals())
        read_fd, write_fd = resources.enter_context(_diverted_stdio())
        wire = Wire(read_fd, write_fd)
        resources.callback(wire.close)
        await _serve(server, wire, stop, parent)


async def _serve(server: MCPServer, wire: Wire, stop: Stop, parent: int) -> None:
    lowlevel = server._lowlevel_server  # noqa: SLF001  the SDK has no public way to serve on streams of one's own
    failure: Exception | None = None
    async with anyio.create_task_group() as watchers:
        watchers.start_soon(_end_on_stop, wire, stop)
        watchers.start_soon(_end_with_parent, wire, parent)
        try:
            # Ended by the end of its input, never cancelled: the server's lifespan has to be able to await.
            await lowlevel.run(wire.incoming, wire.outgoing, lowlevel.create_initialization_options())
        except Exception as error:  # noqa: BLE001  raised below, out of the task group and so as itself
            failure = error
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await wire.outgoing.flush(FLUSH_SECONDS)
        watchers.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _end_on_stop(wire: Wire, stop: Stop) -> None:
    await stop.wait()
    wire.end()


async def _end_with_parent(wire: Wire, parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110  the system tells nobody that their parent died
        await anyio.sleep(PARENT_CHECK_SECONDS)
    wire.end()


@contextmanager
def _diverted_stdio() -> Iterator[tuple[int, int]]:
    """Private descriptors of the client's two pipes, while 0 and 1 lead elsewhere."""
    # 3 and up, and closed on exec: no child inherits the wire.
    read_fd = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    write_fd = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
    diverted = {0: read_fd, 1: write_fd}
    try:
        _point(0, os.devnull, os.O_RDONLY)
        if _is_same_pipe(2, write_fd):
            # Started with 2>&1: what is logged would be read as messages.
            diverted[2] = write_fd
            _point(2, os.devnull, os.O_WRONLY)
        _point_at_stderr(1)
        # Only now: what was printed before is no message either.
        _flush_stdout()
        try:
            yield read_fd, write_fd
        finally:
            _flush_stdout()
    finally:
        for fd, private in diverted.items():
            os.dup2(private, fd)
        os.close(read_fd)
        os.close(write_fd)


def _point_at_stderr(fd: int) -> None:
    try:
        os.dup2(2, fd)
    except OSError:
        _point(fd, os.devnull, os.O_WRONLY)  # started without a stderr


def _is_same_pipe(fd: int, other: int) -> bool:
    try:
        return os.path.sameopenfile(fd, other) and not os.isatty(fd)
    except OSError:
        return False


def _point(fd: int, path: str, flags: int) -> None:
    target = os.open(path, flags)
    os.dup2(target, fd)
    os.close(target)


def _flush_stdout() -> None:
    with suppress(ValueError, OSError):
        sys.stdout.flush()
