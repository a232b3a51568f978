"""The backends that the contract is tested on: one entry each, and every test runs on all of them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from runloop_mcp.api.backend import Backend
from runloop_mcp.devbox.sandbox.driver import SandboxDriver
from runloop_mcp.engine.backend import EmbeddedEngine

OpenBackend = Callable[[], AbstractAsyncContextManager[Backend]]
"""Opens a backend; a second one opened in the same test works on the same state."""


def _embedded(folder: Path) -> OpenBackend:
    return lambda: EmbeddedEngine(folder, SandboxDriver(folder / "sandbox"))


BACKENDS = {"embedded": _embedded}
