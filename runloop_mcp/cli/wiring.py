"""The only place that puts a backend behind a face. Parts are imported when they are put there: a start is quick."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, Unavailable

if TYPE_CHECKING:
    from runloop_mcp.cli.settings import Settings
    from runloop_mcp.devbox.port import Driver
    from runloop_mcp.engine.retention.collector import Collected
    from runloop_mcp.engine.scenarios.pack import FolderProblem


@contextmanager
def keeping_state_in(folder: Path) -> Iterator[None]:
    """Makes the state directory; what the system refuses while the block begins to use it is told with a way out.

    Raises:
        InvalidRequest: It can't be made or used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield
    except OSError as error:
        reason = "it is no directory" if isinstance(error, FileExistsError) else str(error.strerror or error).lower()
        raise InvalidRequest(
            f"The state directory {folder} can't be used: {reason}.",
            hint="Name another one: --state-dir DIR, or RUNLOOP_MCP_STATE_DIR.",
        ) from error


def driver_for(settings: "Settings") -> "Driver":
    """The driver that devboxes run with; enter it before use."""
    from runloop_mcp.devbox.sandbox.driver import SandboxDriver

    return SandboxDriver(settings.state_dir)


def backend_for(settings: "Settings") -> Backend:
    """The backend that the settings name; enter it before use.

    Raises:
        Unavailable: There is no such backend yet.
        InvalidRequest: There is no place for its state.
    """
    if settings.backend == "cloud":
        raise Unavailable(
            "The cloud backend comes in a later version; this one runs everything on this machine.",
            hint="Leave --backend out, or give --backend local.",
        )
    from runloop_mcp.engine.backend import EmbeddedEngine
    from runloop_mcp.engine.scenarios.pack import bundled_pack
    from runloop_mcp.engine.settings import EngineSettings

    with keeping_state_in(settings.state_dir):
        pass
    return EmbeddedEngine(
        settings.state_dir,
        driver_for(settings),
        packs=[bundled_pack(), *settings.scenarios],
        settings=EngineSettings(
            network=settings.devbox_network,
            max_devboxes=settings.max_devboxes,
            retention_days=settings.retention_days,
            retention_bytes=round(settings.retention_gb * 1e9),
        ),
    )


async def folder_problems(backend: Backend) -> "Sequence[FolderProblem]":
    """Scenario folders that could not be loaded, where the backend loads folders."""
    from runloop_mcp.engine.backend import EmbeddedEngine

    return await backend.problems() if isinstance(backend, EmbeddedEngine) else []


async def collect_garbage(backend: Backend, *, dry_run: bool) -> "Collected":
    """Takes away what is not needed any more, or says what that is.

    Raises:
        Unavailable: The backend keeps nothing here.
        Conflict: Another process is at it.
    """
    from runloop_mcp.engine.backend import EmbeddedEngine

    if not isinstance(backend, EmbeddedEngine):
        raise Unavailable("This backend keeps nothing on this machine.", hint="Leave --backend out.")
    return await backend.collect(dry_run=dry_run)


async def serve_over_stdio(settings: "Callable[[], Settings]", ready: Callable[[], None]) -> None:
    """Serves MCP over stdio until the client goes or a signal comes.

    Args:
        settings: Tells what is in force; asked once the server answers, as reading it takes time.
        ready: Called when clients are heard and signals are heeded.
    """
    from runloop_mcp.cli.late_backend import LateBackend
    from runloop_mcp.server.app import build_server
    from runloop_mcp.server.transports.signals import stop_on_signals
    from runloop_mcp.server.transports.stdio import serve_stdio

    parent = os.getppid()
    with stop_on_signals() as stop:
        async with LateBackend(lambda: backend_for(settings())) as backend:
            ready()
            await serve_stdio(build_server(backend), stop=stop, parent_pid=parent)


async def serve_over_http(settings: "Settings", *, sse_only: bool, ready: Callable[[str], None]) -> None:
    """Serves MCP over streamable HTTP at /mcp, and over SSE at /sse, until a signal comes.

    Args:
        settings: What is in force.
        sse_only: Serves `/sse` alone.
        ready: Called with the server's address when clients can connect.
    """
    from runloop_mcp.server.app import build_server
    from runloop_mcp.server.transports.http import serve_http
    from runloop_mcp.server.transports.signals import stop_on_signals

    with stop_on_signals() as stop:
        async with backend_for(settings) as backend:
            server = build_server(backend)
            await serve_http(server, host=settings.host, port=settings.port, sse_only=sse_only, ready=ready, stop=stop)
