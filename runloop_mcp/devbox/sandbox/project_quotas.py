"""Project quotas: where the file system counts by project, the kernel itself holds a box's disk to its limit.

ext4 and XFS do, where they are mounted for it, for a server that is root outside of every user namespace. Nothing in
a box can leave its project, which only such a root may change. Everything here may block.
"""

import contextlib
import ctypes
import fcntl
import os
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path

from .limits import ENTRY_BYTES

_QUOTACTL_FD = 443
"""The number of the system call, the same on every architecture."""
_PROJECT = 2
_GET, _SET, _STATE = 0x800007, 0x800008, 0x5808
_LIMITS = struct.Struct("=8QI4x")
"""`if_dqblk`: hard and soft limit in KiB, the bytes taken, the same of files, two times, what of all this counts."""
_BOTH_LIMITS = 1 | 4
_STATE_BYTES = 512
_FLAGS = struct.Struct("=2xH")
"""The beginning of `fs_quota_statv`."""
_ENFORCED = 1 << 5
_GET_ATTRIBUTES, _SET_ATTRIBUTES = 0x801C581F, 0x401C5820
_ATTRIBUTES = struct.Struct("=4I12s")
"""`fsxattr`: its flags, two about extents, the project, the rest."""
_INHERITED = 0x200
_FIRST = 1 << 30
"""Projects that people number begin at 1: boxes have theirs from here on."""
_SLACK = 256 << 10
"""Somebody who needs more at once than is left is refused before the last byte is taken."""
_UPPER = {"home": "home.scratch", "work": "work.scratch", "tmp": None}
"""The parts of a box's disk, and where an overlay prepares what it puts into them: by renames, so in one project."""

_libc = ctypes.CDLL(None, use_errno=True)


class DiskCap:
    """What holds the disk of one box that runs.

    Args:
        folder: The box's folder.
        projects: What its parts belong to: one project, but for a box that went on after a snapshot.
        whole: Whether all of its parts do.
        limit_bytes: The most that each may take.
    """

    def __init__(self, folder: Path, projects: set[int], *, whole: bool, limit_bytes: int) -> None:
        self._folder = folder
        self._projects = projects
        self._limit = limit_bytes
        self.whole = whole and len(projects) == 1
        """Whether nothing else is needed to hold it."""

    def full(self) -> bool:
        """Whether the kernel has refused it more, or is about to; False where that can't be told."""
        return not self.has_room(_SLACK)

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more stay within its limit: to the server itself the kernel refuses nothing."""
        try:
            with _opened(self._folder) as folder:
                counted = [_counted(folder, project) for project in self._projects]
        except OSError:
            return True
        most_files = self._limit // ENTRY_BYTES
        return all(taken + size <= self._limit and files < most_files for _, taken, files in counted)

    def lift(self) -> None:
        """Takes the limits away: the file system remembers those of a project for ever, also when it is empty."""
        _lift(self._folder.parent, self._projects)


def lift_left(folder: Path) -> None:
    """Takes away the limits of a box whose server was killed; nothing where there are none."""
    try:
        projects = {project_of(folder / part) for part in _UPPER}
    except OSError:  # there is no such box, or its file system counts nothing
        return
    _lift(folder.parent, projects - {0})


def project_of(folder: Path) -> int:
    """The project that what will be made in a folder belongs to; 0 for none."""
    with _opened(folder) as opened:
        return _attributes(opened)[3]


def limit_of(folder: Path, project: int) -> int:
    """The limit that a project has on a folder's file system, in bytes; 0 for none."""
    with _opened(folder) as opened:
        return _counted(opened, project)[0]


def _lift(below: Path, projects: set[int]) -> None:
    with contextlib.suppress(OSError), _opened(below) as folder:  # the file system is gone, or no longer counts
        for project in projects:
            _limit(folder, project, 0)


def enforced(folder: Path) -> bool:
    """Whether the file system below a folder holds projects to limits that this process may set."""
    if os.geteuid() != 0:
        return False
    state = ctypes.create_string_buffer(b"\x01", _STATE_BYTES)
    try:
        with _opened(folder) as opened:
            _quotactl(opened, _STATE, 0, state)
            _counted(opened, _FIRST)  # which only who may set limits can ask for
    except OSError:
        return False
    (flags,) = _FLAGS.unpack_from(state.raw)
    return bool(flags & _ENFORCED)


def cap(folder: Path, limit_bytes: int) -> DiskCap | None:
    """Holds the disk of a box that is about to run to its limit; None where it was filled before that was possible.

    Raises:
        OSError: The file system refuses.
    """
    projects: set[int] = set()
    whole = True
    fresh = 0
    for part, scratch in _UPPER.items():
        project = project_of(folder / part)
        if not project and _is_empty(folder / part):
            project = fresh = fresh or _unused(folder)
            _assign(folder / part, project)
        if project and scratch is not None:
            _assign(folder / scratch, project)
        whole = whole and bool(project)
        projects.add(project)
    projects.discard(0)
    if not projects:
        return None
    with _opened(folder) as opened:
        for project in projects:
            _limit(opened, project, limit_bytes)
    return DiskCap(folder, projects, whole=whole, limit_bytes=limit_bytes)


def _is_empty(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def _unused(folder: Path) -> int:
    """A project that nothing belongs to."""
    with _opened(folder) as opened:
        while True:
            project = _FIRST + secrets.randbelow(_FIRST)
            if _counted(opened, project) == (0, 0, 0):
                return project


def _assign(folder: Path, project: int) -> None:
    """Makes a directory, and what will be made in it, a project's."""
    with _opened(folder) as opened:
        flags, extents, number, _, rest = _attributes(opened)
        fcntl.ioctl(opened, _SET_ATTRIBUTES, _ATTRIBUTES.pack(flags | _INHERITED, extents, number, project, rest))


def _attributes(opened: int) -> tuple[int, int, int, int, bytes]:
    flags, extents, number, project, rest = _ATTRIBUTES.unpack(
        fcntl.ioctl(opened, _GET_ATTRIBUTES, bytes(_ATTRIBUTES.size))
    )
    return flags, extents, number, project, rest


def _counted(opened: int, project: int) -> tuple[int, int, int]:
    """The limit of a project in bytes, what it takes, and the number of its files."""
    found = ctypes.create_string_buffer(_LIMITS.size)
    try:
        _quotactl(opened, _GET, project, found)
    except FileNotFoundError:  # XFS has never heard of it
        return 0, 0, 0
    limit, _, taken, _, _, files, *_ = _LIMITS.unpack(found.raw)
    return limit * 1024, taken, files


def _limit(opened: int, project: int, size: int) -> None:
    """Sets the limit of a project: its bytes, and as many files as fit when each counts as a block; 0 for none."""
    files = size // ENTRY_BYTES
    wanted = _LIMITS.pack(size // 1024, 0, 0, files, 0, 0, 0, 0, _BOTH_LIMITS)
    _quotactl(opened, _SET, project, ctypes.create_string_buffer(wanted, _LIMITS.size))


def _quotactl(opened: int, command: int, project: int, data: ctypes.Array[ctypes.c_char]) -> None:
    order = ctypes.c_uint(command << 8 | _PROJECT)
    if _libc.syscall(ctypes.c_long(_QUOTACTL_FD), ctypes.c_uint(opened), order, ctypes.c_uint(project), data) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield opened
    finally:
        os.close(opened)
