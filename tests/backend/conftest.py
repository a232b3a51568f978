"""Every test of the contract runs on every backend."""

from pathlib import Path

import pytest
from backend_cases import BACKENDS, OpenBackend


@pytest.fixture(params=BACKENDS)
def open_backend(request: pytest.FixtureRequest, tmp_path: Path) -> OpenBackend:
    """Opens the backend under test; entered inside the test, because its tasks belong to the test's own."""
    return BACKENDS[request.param](tmp_path / "state")
