"""Which servers are at work on a state directory: each holds a lock of its own while it lives."""

import contextlib
import os
import secrets
from pathlib import Path

from runloop_mcp.api.errors import Conflict
from runloop_mcp.engine.file_lock import FileLock


class Presence:
    """This server among those on a state directory. Blocking calls: short, but for a thread all the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(6)}.lock"
        self._own = FileLock(self._path, taken="This is another server's")

    def enter(self) -> None:
        """Says that this server is there."""
        # Where nothing can be written nothing is taken away either; the first use of the store tells what is wrong.
        with contextlib.suppress(OSError):
            self._own.acquire()

    def leave(self) -> None:
        """Says that it no longer is."""
        self._own.release(forget=True)

    def alone(self) -> bool:
        """Whether no other server is there."""
        return not any(lock.held_elsewhere() for lock in self._others())

    def tidy(self) -> None:
        """Takes away the locks of servers that were killed."""
        for lock in self._others():
            with contextlib.suppress(Conflict):  # it lives
                lock.acquire()
                lock.release(forget=True)

    def _others(self) -> list[FileLock]:
        return [FileLock(path, taken="It lives") for path in self._folder.glob("*.lock") if path != self._path]
