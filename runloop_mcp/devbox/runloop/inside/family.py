"""Processes by who started them.

A process whose parent has ended becomes a child of its nearest ancestor that is a reaper of such (a subreaper). So all
that a reaper has started is found below it, whatever that does to its session, its group or its environment.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # see processes
import ctypes
import os
import time

from runloop_mcp.devbox.sandbox.inside import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_ROUNDS = 50
_END_SECONDS = 5.0
_libc = ctypes.CDLL(None, use_errno=True)


def become_reaper() -> None:
    """Has processes below this one become its children when their parents end."""
    zero = ctypes.c_ulong(0)
    if _libc.prctl(ctypes.c_int(_PR_SET_CHILD_SUBREAPER), ctypes.c_ulong(1), zero, zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl PR_SET_CHILD_SUBREAPER: {os.strerror(number)}")


def be_called(name: bytes) -> None:
    """Gives this process a name, by which `pkill python3` does not find it."""
    zero = ctypes.c_ulong(0)
    _libc.prctl(ctypes.c_int(_PR_SET_NAME), ctypes.c_char_p(name), zero, zero, zero)


def below(first: int) -> tuple[set[int], bool]:
    """The processes below one that run, and whether these are surely all.

    Where one ended during the look, it may have left a child behind that was listed as its own, or not at all.
    """
    children: dict[int, list[int]] = {}
    sure = True
    for pid in _all():
        fields = _stat(pid)
        if len(fields) < 2:
            sure = False
            continue
        children.setdefault(int(fields[1]), []).append(pid)
    found: set[int] = set()
    waiting = [first]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in found:
                found.add(pid)
                waiting.append(pid)
    return {pid for pid in found if _runs(pid)}, sure


def stop_all_below(first: int, spared: Collection[int]) -> set[int]:
    """Stops what is below a process until no more of it appears; returns what it stopped, and what stood still before.

    Args:
        first: The process, which is not stopped itself.
        spared: Those below it that go on.
    """
    members: set[int] = set()
    for _ in range(_ROUNDS):
        found, sure = below(first)
        new = found - members - set(spared)
        if not new and sure:
            return members
        for pid in new:
            processes.send_signal(pid, _signal.SIGSTOP)
        members |= new
    # Processes that replace each other outrun a look; not one at which everything stands still.
    bystanders = processes.freeze()
    members |= below(first)[0] - set(spared)
    for pid in bystanders - members:
        processes.send_signal(pid, _signal.SIGCONT)
    return members


def end_all_below(first: int, reap: Callable[[], None]) -> None:
    """Kills everything below a process, and returns once it is gone."""
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        members = stop_all_below(first, ())
        for pid in members:
            processes.send_signal(pid, _signal.SIGKILL)
        processes.wait_gone(members, reap)
        if not below(first)[0]:
            return


def parent_of(pid: int) -> int:
    """The process id of a process's parent; 0 where it is gone."""
    fields = _stat(pid)
    return int(fields[1]) if len(fields) > 1 else 0


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> list[bytes]:
    """The fields of a process's `stat` from its state on."""
    try:
        opened = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return []
    try:
        return os.read(opened, 4096).rpartition(b")")[2].split()
    except OSError:  # ended between the two
        return []
    finally:
        os.close(opened)


def _runs(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] not in (b"Z", b"X")
