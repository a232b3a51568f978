"""Who has what: one server at a time uses a devbox, and the kernel lets go of it when that server dies."""

import contextlib
import os
from pathlib import Path

from runloop_mcp.devbox.sandbox.disk_locks import hold, is_locked


class Locks:
    """The locks of a state directory. Every method may block, and belongs in a thread.

    Args:
        folder: Where they are; it is made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, name: str) -> int:
        """Takes something; the descriptor that holds it is the caller's.

        Raises:
            Conflict: A live server has it.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        hold(lock, name)
        return lock

    def is_held(self, name: str) -> bool:
        """Whether a live server has something."""
        return is_locked(self._folder / name)

    def give_up(self, name: str, lock: int) -> None:
        """Lets go of something that is gone for good."""
        self.forget(name)
        os.close(lock)

    def forget(self, name: str) -> None:
        """Deletes the trace of something that is gone."""
        with contextlib.suppress(FileNotFoundError):
            (self._folder / name).unlink()
