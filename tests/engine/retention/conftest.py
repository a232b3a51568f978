"""A state directory for each test, on which devboxes boot without being built for first."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def state(tmp_path: Path, with_tools: Callable[[Path], Path]) -> Path:
    """A state directory without runs."""
    return with_tools(tmp_path / "state")
