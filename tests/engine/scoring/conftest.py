"""One state directory for all tests of scoring: a driver builds the tools of its devboxes once for each."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the driver keeps disks and tools."""
    return tmp_path_factory.mktemp("state")
