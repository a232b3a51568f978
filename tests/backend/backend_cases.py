"""The backends that the contract is tested on: one entry each, and every test runs on all of them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from runloop_mcp.api.backend import Backend
from runloop_mcp.devbox.sandbox.driver import SandboxDriver
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.settings import EngineSettings

OpenBackend = Callable[[], AbstractAsyncContextManager[Backend]]
"""Opens a backend; a second one opened in the same test works on the same state."""


OpenWith = Callable[..., AbstractAsyncContextManager[Backend]]
"""Likewise, with some of what can be set."""


def _embedded(folder: Path) -> OpenWith:
    def open_with(**settings: Any) -> AbstractAsyncContextManager[Backend]:
        return EmbeddedEngine(folder, SandboxDriver(folder / "sandbox"), settings=EngineSettings(**settings))

    return open_with


BACKENDS = {"embedded": _embedded}
