"""A state directory for each test, on which devboxes boot without being built for first."""

from collections.abc import Callable
from pathlib import Path

import pytest
from empty_store import lay_out_store


@pytest.fixture
def state(tmp_path: Path, with_tools: Callable[[Path], Path]) -> Path:
    """A state directory without runs."""
    return lay_out_store(with_tools(tmp_path / "state"))
