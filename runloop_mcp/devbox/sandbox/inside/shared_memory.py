"""Memory of a box that may belong to no process: segments of System V, and files in memory that have no name.

A control group counts them. Where there is none, nobody sees them who looks at processes alone.
"""

from __future__ import annotations

import ctypes

from . import kernel, nameless

_IPC_RMID = 0


def size(supervisor: int) -> int:
    """The bytes that they take, whether or not a process has them mapped; called in the box's IPC namespace.

    Args:
        supervisor: The process id of the box's pid 1, as its caller sees it.
    """
    return nameless.in_memory(supervisor) + sum(segment["rss"] for segment in _segments())


def free() -> None:
    """Removes the segments that no process is attached to; who goes on needing one is."""
    for segment in _segments():
        if segment["nattch"] == 0:
            kernel.libc.shmctl(ctypes.c_int(segment["shmid"]), ctypes.c_int(_IPC_RMID), None)


def _segments() -> list[dict[str, int]]:
    try:
        with open("/proc/sysvipc/shm") as file:
            names, *lines = (line.split() for line in file)
    except FileNotFoundError:  # a kernel without them
        return []
    return [dict(zip(names, map(int, line), strict=True)) for line in lines]
