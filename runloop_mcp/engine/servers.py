"""The servers on one state directory: which of them live. Each holds a lock of its own, which dies with it."""

import contextlib
import secrets
import threading
from pathlib import Path

from runloop_mcp.api.errors import Conflict
from runloop_mcp.engine.file_lock import FileLock


class Servers:
    """This server among those on a state directory. Blocking calls: short, but for a thread all the same.

    Args:
        folder: Where the servers' locks are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._beginning = threading.Lock()
        self._begun = False
        self.own_id = secrets.token_hex(8)
        self._own = self._lock(self.own_id)

    def begin(self) -> None:
        """Makes this server known as living; does nothing where it is."""
        with self._beginning:
            if not self._begun:
                # Nobody else knows the id yet, so there is nobody to wait for.
                self._own.acquire()
                self._begun = True
                self.tidy()

    def end(self) -> None:
        """The server lives no longer. Can be called repeatedly."""
        self._own.release(forget=True)

    def alive(self, server_id: str) -> bool:
        """Whether a server lives. What a dead one has left of itself is taken away."""
        return server_id == self.own_id or self._lives(self._lock(server_id))

    def alone(self) -> bool:
        """Whether no other server is there."""
        return not any(lock.held_elsewhere() for lock in self._others())

    def tidy(self) -> None:
        """Takes away the locks of servers that were killed."""
        for lock in self._others():
            self._lives(lock)

    @staticmethod
    def _lives(lock: FileLock) -> bool:
        if lock.held_elsewhere():
            return True
        with contextlib.suppress(Conflict):  # it has just begun
            lock.acquire()
            lock.release(forget=True)
            return False
        return True

    def _others(self) -> list[FileLock]:
        return [self._lock(path.stem) for path in self._folder.glob("*.lock") if path.stem != self.own_id]

    def _lock(self, server_id: str) -> FileLock:
        return FileLock(self._folder / f"{server_id}.lock", taken="This is another server's")
