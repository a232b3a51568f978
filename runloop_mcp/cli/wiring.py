"""Makes backends, drivers, clients and keys as settings name them, importing each when it is made: a start is quick."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import InvalidRequest, Unavailable

if TYPE_CHECKING:
    from runloop_mcp.access.keyring import Keyring
    from runloop_mcp.cli.settings import Settings
    from runloop_mcp.client.runloop_client import RunloopClient
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
    if settings.devbox == "docker":
        from runloop_mcp.devbox.docker.driver import DockerDriver

        return DockerDriver(settings.state_dir, settings.docker_image)
    if settings.devbox == "runloop":
        from runloop_mcp.devbox.runloop.driver import RunloopDriver

        return RunloopDriver(
            settings.state_dir,
            settings.base_url,
            settings.api_key,
            blueprint=settings.base_blueprint,
            keep_alive_seconds=settings.keep_alive,
        )
    from runloop_mcp.devbox.sandbox.driver import SandboxDriver

    return SandboxDriver(settings.state_dir, disks=settings.devbox_disks)


def backend_for(settings: "Settings", *, looks_after_runs: bool = True) -> Backend:
    """The backend that the settings name; enter it before use.

    Args:
        settings: What is in force.
        looks_after_runs: Whether it carries on what dead servers left, and ends what is out of time. Whoever only
            reads, and maybe for hours, leaves that to others.

    Raises:
        InvalidRequest: There is no place for its state, or the cloud's address is none.
    """
    if settings.backend == "cloud":
        return _cloud_for(settings)
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
            code_host=settings.code_host.rstrip("/"),
            looks_after_runs=looks_after_runs,
            max_devboxes=settings.max_devboxes,
            retention_days=settings.retention_days,
            retention_bytes=round(settings.retention_gb * 1e9),
            object_bytes=round(settings.object_gb * 1e9),
        ),
    )


def client_for(settings: "Settings") -> "RunloopClient":
    """The client of the Runloop API that the settings name; enter it before use.

    Without a key that could be one, whatever is asked of it is refused with how to set one.

    Raises:
        InvalidRequest: The address is none.
    """
    from runloop_mcp.client.runloop_client import RunloopClient

    return RunloopClient(settings.base_url, settings.api_key)


def _cloud_for(settings: "Settings") -> Backend:
    from runloop_mcp.cloud.backend import CloudBackend

    with keeping_state_in(settings.state_dir):
        pass
    return CloudBackend(settings.state_dir, settings.base_url, settings.api_key)


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


async def keyring_of(settings: "Settings") -> "Keyring":
    """The keys of clients over HTTP.

    Raises:
        Unavailable: The file of keys can't be used.
        InvalidRequest: There is no place for it.
        Conflict: Another process holds the file for long.
    """
    from runloop_mcp.access.keyring import open_keyring

    with keeping_state_in(settings.state_dir):
        return await open_keyring(settings.state_dir)


def mcp_url(settings: "Settings") -> str:
    """Where MCP clients reach the server over HTTP, as far as settings tell."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return (settings.public_url or f"http://{host}:{settings.port}") + "/mcp"
