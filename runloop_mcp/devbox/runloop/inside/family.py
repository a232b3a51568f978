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
_STOP_SECONDS = 1.0
_ASLEEP_SECONDS = 0.03
"""After so long in the kernel a process waits for a child that stands still: a fork or a page takes less."""
_STILL = (b"T", b"t", b"Z", b"X", b"")
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


def below(first: int, dead: Collection[int] = ()) -> tuple[set[int], set[int]]:
    """The processes below one that run, and those that ended during the look.

    One that did may have left a child behind that is too young to have been listed.

    Args:
        first: The process.
        dead: Processes that had ended before, and that nobody has asked about yet.
    """
    children: dict[int, list[int]] = {}
    ended: set[int] = set()
    for pid in _all():
        fields = _stat(pid)
        if (len(fields) < 2 or fields[0] in (b"Z", b"X")) and pid not in dead:
            ended.add(pid)
        if len(fields) < 2:
            continue
        children.setdefault(int(fields[1]), []).append(pid)
    found: set[int] = set()
    waiting = [first]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in found:
                found.add(pid)
                waiting.append(pid)
    return found - ended - set(dead), ended  # not asked again: one that has ended by now may have left a child behind


def stop_all_below(first: int, spared: Collection[int]) -> set[int]:
    """Stops what is below a process until no more of it appears; returns what it stopped, and what stood still before.

    Args:
        first: The process, which is not stopped itself.
        spared: Those below it that go on.
    """
    members: set[int] = set()
    dead: set[int] = set()
    still = True
    for _ in range(_ROUNDS):
        found, ended = below(first, dead)
        new = found - members - set(spared)
        if not new and not ended and still:
            return members
        dead |= ended
        for pid in new:
            processes.send_signal(pid, _signal.SIGSTOP)
        members |= new
        still = _stand_still(members)  # before the next look: one that is being stopped may still bear a child
    # Processes that replace each other outrun a look; not one at which everything stands still.
    bystanders = processes.freeze()
    members |= below(first)[0] - set(spared)
    for pid in bystanders - members:
        processes.send_signal(pid, _signal.SIGCONT)
    return members


def _stand_still(pids: Collection[int]) -> bool:
    """Waits until processes stand still, or wait for long in the kernel for one that does, or are gone."""
    began = time.monotonic()
    asleep_since = None
    while True:
        now = time.monotonic()
        moving = {state for state in map(_state, pids) if state not in _STILL}
        asleep_since = None if moving != {b"D"} else asleep_since or now
        if not moving or (asleep_since is not None and now - asleep_since > _ASLEEP_SECONDS):
            return True
        if now - began > _STOP_SECONDS:
            return False
        time.sleep(0.0003)


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


def _state(pid: int) -> bytes:
    """The letter of a process's state; none where it is gone."""
    fields = _stat(pid)
    return fields[0] if fields else b""
