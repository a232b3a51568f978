"""Every test of the contract runs on every backend."""

from collections.abc import Callable
from pathlib import Path

import pytest
from backend_cases import BACKENDS, OpenBackend, OpenWith


@pytest.fixture(params=BACKENDS)
def open_with(request: pytest.FixtureRequest, tmp_path: Path, with_tools: Callable[[Path], Path]) -> OpenWith:
    """Opens the backend under test; entered inside the test, because its tasks belong to the test's own."""
    with_tools(tmp_path / "state" / "sandbox")
    return BACKENDS[request.param](tmp_path / "state")


@pytest.fixture
def open_backend(open_with: OpenWith) -> OpenBackend:
    """Likewise, as it comes."""
    return open_with
