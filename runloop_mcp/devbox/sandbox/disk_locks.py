"""Locks on what lies in the driver's folder, which the kernel lets go when their holder dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path

_SETTLE_SECONDS = 3.0


def holder(lock: int) -> int | None:
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


def lock_or_wait(lock: int) -> None:
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
            process = holder(lock)
            lives = process is not None and process != os.getpid() and Path(f"/proc/{process}").exists()
            if lives or time.monotonic() > end:
                raise
            time.sleep(0.005)
        else:
            return
