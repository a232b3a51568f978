"""Scenario folders to test with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scenario_document import DOCUMENT, WriteFolder

from runloop_mcp.engine.store.database import Database


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """An empty pack."""
    root = tmp_path / "mine"
    root.mkdir()
    return root


@pytest.fixture
def write_folder(pack: Path) -> WriteFolder:
    """Writes a valid scenario folder into the pack, with some of its text replaced."""

    def write(folder: str = "fix-the-parser", *replacements: tuple[str, str]) -> Path:
        document = DOCUMENT
        for old, new in replacements:
            assert old in document
            document = document.replace(old, new)
        path = pack / folder
        for name, text in {
            "scenario.yaml": document,
            "problem.md": "# The parser\n\nIt loses the last line.\n",
            "reference.patch": "--- a/parser.py\n+++ b/parser.py\n",
            "files/parser.py": "print()\n",
            "scoring/test_x.py": "def test_x(): ...\n",
            "scoring/tidy.sh": "echo 1.0\n",
        }.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
        return path

    return write


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A store of its own."""
    opened = Database(tmp_path / "state" / "state.db")
    yield opened
    await opened.aclose()
