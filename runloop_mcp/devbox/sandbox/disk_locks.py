"""Locks on what lies in the driver's folder, which the kernel lets go when their holder dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path

from runloop_mcp.api.errors import Conflict

from .disk_failure import disk_failure

_SETTLE_SECONDS = 3.0


def _holder(lock: int) -> int | None:
    """The process that wrote itself into a lock last."""
    written = os.pread(lock, 20, 0)
    return int(written) if written.isdigit() else None


def is_locked(path: Path) -> bool:
    """Whether a process that lives has a file or a folder locked."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(opened)


def hold(lock: int, devbox_id: str) -> None:
    """Takes what a devbox's lock stands for, and writes down who has it; closes the lock where that fails.

    Raises:
        Conflict: Another server that lives holds it.
        Unavailable: The disk refuses.
    """
    try:
        _lock_or_wait(lock)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except BlockingIOError as error:
        named = _holder(lock) or "unknown"
        os.close(lock)
        raise Conflict(
            f"The devbox {devbox_id} is held by another server (process {named}).",
            hint="Use that server, or end it and try again.",
        ) from error
    except OSError as error:
        os.close(lock)
        raise disk_failure(error, f"The devbox {devbox_id} cannot be held") from error


def _lock_or_wait(lock: int) -> None:
    """Locks a devbox's disk, and waits for those who are about to let it go.

    A server that was killed leaves a box that ends a few milliseconds later; and what this process has just let go may
    live on for a moment in a child that is between its fork and its program.

    Raises:
        BlockingIOError: Another server that lives holds it.
    """
    end = time.monotonic() + _SETTLE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = _holder(lock)
            lives = process is not None and process != os.getpid() and Path(f"/proc/{process}").exists()
            if lives or time.monotonic() > end:
                raise
            time.sleep(0.005)
        else:
            return
