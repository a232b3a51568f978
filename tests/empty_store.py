"""A store that was made before: making one takes a server some milliseconds, and each test's would."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from runloop_mcp.engine.store.connection import open_connection


def lay_out_store(state: Path) -> Path:
    """Begins a state directory with a store in which nothing is; gives the directory."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = state / "store.db"
    store.touch(mode=0o600, exist_ok=False)
    store.write_bytes(_contents())
    return state


@cache
def _contents() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "store.db")
        open_connection(path, busy_timeout_seconds=1, read_only=False).close()
        return path.read_bytes()
