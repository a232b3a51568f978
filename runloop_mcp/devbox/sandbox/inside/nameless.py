"""Files that a box's processes hold without a name: deleted, and still there for as long as somebody has them open.

They take the disk like any other, and no walk through directories meets them. Held only by a message that waits in a
socket they can't be found.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from collections.abc import Iterator

_IN_MEMORY = (b"tmpfs", b"proc", b"devpts", b"sysfs", b"mqueue", b"cgroup", b"cgroup2", b"devtmpfs")
_DELETED = b" (deleted)"


def on_disks(supervisor: int) -> int:
    """The bytes that they take on disks.

    Args:
        supervisor: The process id of the box's pid 1, as its caller sees it.
    """
    found: dict[tuple[int, int], int] = {}
    for pid in _below(supervisor):
        try:
            disks = {device for device, in_memory in _mounted(pid).items() if not in_memory}
            _opened(pid, disks, found, among=True)
            _mapped(pid, disks, found)
        except OSError:  # it has ended meanwhile
            continue
    return sum(found.values())


def in_memory(supervisor: int) -> int:
    """The bytes of those that never had a name (`memfd_create`); what is mounted in memory has a size of its own.

    Args:
        supervisor: The process id of the box's pid 1, as its caller sees it.
    """
    found: dict[tuple[int, int], int] = {}
    for pid in _below(supervisor):
        try:
            _opened(pid, set(_mounted(pid)), found, among=False)
        except OSError:  # it has ended meanwhile
            continue
    return sum(found.values())


def _below(supervisor: int) -> Iterator[int]:
    """Every process of the box; those whose parent has ended are the supervisor's children."""
    waiting = [supervisor]
    while waiting:
        pid = waiting.pop()
        children = _children(pid)
        waiting += children
        yield from children


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        pass
    return found


def _read(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read()


def _mounted(pid: int) -> dict[int, bool]:
    """The devices of what is mounted for a process, and whether that lies in memory."""
    devices = {}
    for line in _read(f"/proc/{pid}/mountinfo").splitlines():
        place, _, kind = line.partition(b" - ")
        devices[os.makedev(*map(int, place.split()[2].split(b":")))] = kind.split()[0] in _IN_MEMORY
    return devices


def _opened(pid: int, devices: set[int], found: dict[tuple[int, int], int], *, among: bool) -> None:
    """Those that a process has open on one of these devices, or on none of them."""
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        try:
            about = os.stat(f"/proc/{pid}/fd/{descriptor}")
        except OSError:  # closed meanwhile
            continue
        if about.st_nlink == 0 and stat.S_ISREG(about.st_mode) and (about.st_dev in devices) is among:
            found[about.st_dev, about.st_ino] = about.st_blocks * 512


def _mapped(pid: int, devices: set[int], found: dict[tuple[int, int], int]) -> None:
    """What a process has in its memory but not open: counted as what it sees of it."""
    sizes: dict[tuple[int, int], int] = {}
    for line in _read(f"/proc/{pid}/maps").splitlines():
        if not line.endswith(_DELETED):
            continue
        addresses, _, _, device, inode, *_ = line.split()
        key = os.makedev(*(int(part, 16) for part in device.split(b":"))), int(inode)
        if key[0] in devices and key not in found:
            begin, end = (int(part, 16) for part in addresses.split(b"-"))
            sizes[key] = sizes.get(key, 0) + end - begin
    found.update(sizes)
