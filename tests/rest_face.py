"""The REST face over a backend, at a socket of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from runloop_mcp.api.backend import Backend
from runloop_mcp.rest.app import rest_app
from runloop_mcp.server.transports.http import serve_app
from runloop_mcp.server.transports.signals import Stop


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
