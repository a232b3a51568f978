"""What one process at a time may hold: a file lock that the kernel lets go when the process dies, however it dies."""

import contextlib
import fcntl
import json
import os
from pathlib import Path

from runloop_mcp.api.errors import Conflict
from runloop_mcp.engine.clock import now_ms


class FileLock:
    """A lock. Blocking calls: short, on a local disk, but for a thread all the same.

    Args:
        path: The file; made where it is missing.
        taken: What to say where another process holds it; who that is, is added.
        hint: What to do then.
    """

    def __init__(self, path: Path | str, *, taken: str, hint: str = "Call again in a moment.") -> None:
        self._path = str(path)
        self._taken = taken
        self._hint = hint
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            Conflict: A process that lives holds it; the message names it.
        """
        while True:
            descriptor = self._open()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _holder(descriptor)
                os.close(descriptor)
                raise Conflict(f"{self._taken} ({holder}).", hint=self._hint, retry_after=1) from None
            # Whoever released it may have deleted the file between our opening and our locking: then we hold nothing.
            there = os.fstat(descriptor)
            if _is_still(there, self._path):
                break
            os.close(descriptor)
        self._descriptor = descriptor
        # Only for what others are told: a full disk does not keep anyone from holding a lock.
        with contextlib.suppress(OSError):
            if there.st_size:
                os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b'{"pid": %d, "since_ms": %d}' % (os.getpid(), now_ms()), 0)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def release(self, *, forget: bool) -> None:
        """Lets the lock go; with `forget` its file is deleted, for what is no more."""
        if self._descriptor is None:
            return
        if forget:
            Path(self._path).unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None

    def held_elsewhere(self) -> bool:
        """Whether another process, or another lock on the same file, holds it now."""
        if self._descriptor is not None:
            return False
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)


def _holder(descriptor: int) -> str:
    try:
        written = json.loads(os.pread(descriptor, 200, 0))
        return f"process {int(written['pid'])}"
    except (ValueError, KeyError, TypeError):
        return "its process id is not known yet"


def _is_still(ours: os.stat_result, path: str) -> bool:
    try:
        there = os.stat(path)  # noqa: PTH116 - a lock is taken for every devbox that is made, and a Path costs more
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
