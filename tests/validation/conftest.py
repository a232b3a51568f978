"""A validator on the real engine."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from probed_driver import ProbedDriver

from runloop_mcp.api.backend import Backend
from runloop_mcp.engine.backend import EmbeddedEngine

OpenPack = Callable[[Path], AbstractAsyncContextManager[Backend]]


@pytest.fixture
def open_pack(tmp_path: Path, with_tools: Callable[[Path], Path]) -> OpenPack:
    """Opens a backend whose scenarios are those of a folder."""
    state = tmp_path / "state"
    with_tools(state / "sandbox")
    return lambda pack: EmbeddedEngine(state, ProbedDriver(state / "sandbox"), packs=[pack])
