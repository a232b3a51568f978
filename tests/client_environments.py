"""The environments that `make setup` made for clients: each has its own versions of everything."""

import shutil
from pathlib import Path

ENVIRONMENTS = Path(__file__).parents[1] / ".sdks"


def environment_of(name: str) -> Path:
    """The folder of an environment, such as `python-mcp-1` or `node-judges`."""
    folder = ENVIRONMENTS / name
    assert (folder / ".made-from").is_file(), f"There is no {folder}; run: make setup"
    return folder


def node() -> str:
    """The Node that the environments were made with."""
    own = ENVIRONMENTS / "node" / "bin" / "node"
    return str(own) if own.exists() else str(shutil.which("node"))
