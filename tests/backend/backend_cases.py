"""The backends that the contract is tested on: one entry each, and every test runs on all of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from pydantic import SecretStr

from runloop_mcp.api.backend import Backend
from runloop_mcp.client.retries import RetryPolicy
from runloop_mcp.cloud.backend import CloudBackend
from runloop_mcp.devbox.sandbox.driver import SandboxDriver
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.settings import EngineSettings
from runloop_mcp.rest.app import rest_app
from runloop_mcp.server.transports.http import serve_app
from runloop_mcp.server.transports.signals import Stop

OpenBackend = Callable[[], AbstractAsyncContextManager[Backend]]
"""Opens a backend; a second one opened in the same test works on the same state."""


OpenWith = Callable[..., AbstractAsyncContextManager[Backend]]
"""Likewise, with some of what can be set."""


def _engine(folder: Path, settings: dict[str, Any]) -> EmbeddedEngine:
    return EmbeddedEngine(folder, SandboxDriver(folder / "sandbox"), settings=EngineSettings(**settings))


def _embedded(folder: Path) -> OpenWith:
    def open_with(**settings: Any) -> AbstractAsyncContextManager[Backend]:
        return _engine(folder, settings)

    return open_with


def _cloud(folder: Path) -> OpenWith:
    """The cloud backend, and at the far end of a socket the REST face over an engine."""

    @asynccontextmanager
    async def open_with(**settings: Any) -> AsyncIterator[Backend]:
        # What a caller may wait for is the caller's to judge here: the tests want to see the conflict.
        policy = RetryPolicy(conflict_patience_seconds=0, backoff_scale=0.1)
        async with (
            serving_rest(_engine(folder, settings)) as url,
            CloudBackend(folder / "here", url, SecretStr("a-key"), policy=policy) as backend,
        ):
            yield backend

    return open_with


@asynccontextmanager
async def serving_rest(backend: Backend) -> AsyncIterator[str]:
    """The address of the REST face over a backend, which is open as long."""
    stop, ready = Stop(), anyio.Event()
    addresses: list[str] = []

    def announce(url: str) -> None:
        addresses.append(url)
        ready.set()

    async with backend, anyio.create_task_group() as tasks:

        async def serve() -> None:
            await serve_app(rest_app(backend), port=0, ready=announce, stop=stop)

        tasks.start_soon(serve)
        await ready.wait()
        try:
            yield addresses[0]
        finally:
            stop.ask("the test")


BACKENDS = {"embedded": _embedded, "cloud": _cloud}
"""Every test of the contract runs on every backend."""
