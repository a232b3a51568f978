"""One state directory for all tests of scoring: a driver builds the tools of its devboxes once for each."""

from pathlib import Path

import pytest
from lent_tools import LentTools


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory, lent_tools: LentTools) -> Path:
    """Where the driver keeps disks and tools."""
    folder = tmp_path_factory.mktemp("state")
    lent_tools.lend(folder)
    return folder
