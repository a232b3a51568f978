"""The REST face over an embedded engine, served over a real socket from a thread of its own."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from probed_driver import ProbedDriver

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.scenarios.pack import bundled_pack
from runloop_mcp.rest.app import PRINCIPAL, rest_app
from runloop_mcp.server.transports.http import serve_app
from runloop_mcp.server.transports.signals import Stop

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    url: str
    client: httpx.Client
    backend: Backend
    portal: BlockingPortal
    """Calls what is asynchronous in the server's thread."""

    @contextmanager
    def another_face(self, principal: Principal | None = None) -> Iterator[str]:
        """The address of another server over the same backend, which remembers no request.

        Args:
            principal: Who all its callers are; None: the person at the machine.
        """
        with self.portal.wrap_async_context_manager(_face(self.backend, principal)) as url:
            yield url


@contextmanager
def serving(folder: Path, *, bundled: bool = False, packs: Sequence[Path] = ()) -> Iterator[Served]:
    """Serves on the state in a folder, until left."""
    engine = EmbeddedEngine(
        folder, ProbedDriver(folder / "sandbox"), packs=[*packs, *([bundled_pack()] if bundled else [])]
    )
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_served(engine)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield Served(url, client, engine, portal)


@asynccontextmanager
async def _served(backend: Backend) -> AsyncIterator[str]:
    """The address of a server over a backend, which is open as long."""
    async with backend, _face(backend) as url:
        yield url


@asynccontextmanager
async def _face(backend: Backend, principal: Principal | None = None) -> AsyncIterator[str]:
    """The address of a server over a backend that is open."""
    app = rest_app(backend)
    if principal is not None:
        app.add_middleware(_Authenticated, principal=principal)
    stop = Stop()
    ready = anyio.Event()
    address = ""

    def announce(url: str) -> None:
        nonlocal address
        address = url
        ready.set()

    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            await serve_app(app, port=0, ready=announce, stop=stop)

        tasks.start_soon(serve)
        await ready.wait()
        yield address
        stop.ask("the test")


class _Authenticated:
    """Puts who calls where authentication does."""

    def __init__(self, app: "ASGIApp", principal: Principal) -> None:
        self._app = app
        self._principal = principal

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        await self._app({**scope, "state": {**scope.get("state", {}), PRINCIPAL: self._principal}}, receive, send)
