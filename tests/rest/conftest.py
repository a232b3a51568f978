"""What the tests of the REST face share: a server for each module, and its client."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from rest_server import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, built_tools: Path) -> Iterator[Served]:
    """The REST face over an engine of the module's own."""
    folder = tmp_path_factory.mktemp("rest")
    tools = folder / "sandbox" / "sandbox" / "tools"
    shutil.copytree(built_tools, tools, symlinks=True, copy_function=os.link)
    with serving(folder) as server:
        yield server


@pytest.fixture
def client(served: Served) -> httpx.Client:
    """A client of it."""
    return served.client
