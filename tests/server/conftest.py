"""A server for each test; what all devboxes share is built once in a session."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from lent_tools import LentTools
from mcp_agent import Serve, serving


@pytest.fixture(scope="session")
def devboxes(lent_tools: LentTools) -> Iterator[Path]:
    """A folder for devboxes."""
    with lent_tools.folder() as folder:
        yield folder


@pytest.fixture
def serve(tmp_path: Path, devboxes: Path) -> Serve:
    """Starts a server with a client; a later one in the same test finds the same state."""
    return partial(serving, tmp_path / "state", devboxes)
