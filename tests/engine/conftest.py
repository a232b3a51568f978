"""The engine's tests boot devboxes in the folder `sandbox` of their own directory."""

from collections.abc import Callable
from pathlib import Path

import pytest
from empty_store import lay_out_store


@pytest.fixture
def state(tmp_path: Path, with_tools: Callable[[Path], Path]) -> Path:
    """A state directory, on whose `sandbox` a driver boots devboxes without building what they share first."""
    with_tools(tmp_path / "sandbox")
    return lay_out_store(tmp_path)
