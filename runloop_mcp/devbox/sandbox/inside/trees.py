"""Copies, measures and deletes directory trees that a hostile hand may have made.

Trees are walked by descriptors and never through a symbolic link. Only the directory at hand is open, and the way back
is `..` (checked), so that neither the length of a path nor the number of descriptors bounds the depth. Permission bits
are no obstacle to a caller with rights over the files' owner.
"""

from __future__ import annotations

import errno
import os
import stat
import time

TYPE_CHECKING = False  # importing typing to say so would cost the start 3 ms
if TYPE_CHECKING:
    from collections.abc import Callable

    Wanted = Callable[[], bool]
    """Asked between entries; False gives up with `GivenUp`."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 8 << 20
_CHANGED_SECONDS = 1.0
_MAX_PATH = 4096
_MARKS = "user.overlay."
_OPAQUE = "user.overlay.opaque"
_CANNOT_CLONE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


class GivenUp(Exception):
    """The caller no longer wants the work done."""


def _always() -> bool:
    return True


class _Level:
    """A directory on the way down: its name in its parent, what it is, and the directories in it still to visit."""

    __slots__ = ("about", "below", "name")

    def __init__(self, name: str, about: os.stat_result, below: list[str]) -> None:
        self.name = name
        self.about = about
        self.below = below


def _up(here: int, expected: os.stat_result) -> int:
    """Goes to the parent directory, which must be the one that was come from."""
    parent = os.open("..", _DIRECTORY, dir_fd=here)
    about = os.fstat(parent)
    if (about.st_dev, about.st_ino) != (expected.st_dev, expected.st_ino):
        os.close(parent)
        raise OSError(errno.ESTALE, "a directory was moved while it was read")
    os.close(here)
    return parent


def copy(source: int, target: int, staging: int, wanted: Wanted = _always, *, over: bool = False) -> None:
    """Copies what a directory holds into another, empty one, with modes, times, user attributes and hard links.

    Args:
        source: The directory to copy, which nobody changes meanwhile.
        target: The directory to fill; takes over mode, time and attributes as well.
        staging: An empty directory on the target's file system, for keeping hard links together; emptied at the end.
        wanted: Asked between entries.
        over: Whether the target need not be empty, and the source is an overlay's layer: the target then shows what an
            overlay of the two would show, and has none of its marks.
    """
    links: set[str] = set()
    source = os.dup(source)
    try:
        target = os.dup(target)
    except OSError:
        os.close(source)
        raise
    try:
        about, target_about = os.fstat(source), [os.fstat(target)]
        levels = [_Level("", about, _copy_entries(source, target, staging, links, over))]
        _attributes(source, target, over)
        while levels:
            if not wanted():
                raise GivenUp
            level = levels[-1]
            if level.below:
                name = level.below.pop()
                source = _down(source, name)
                if not (over and _goes_on(name, source, target)):
                    os.mkdir(name, 0o700, dir_fd=target)
                target = _down(target, name)
                target_about.append(os.fstat(target))
                levels.append(_Level(name, os.fstat(source), _copy_entries(source, target, staging, links, over)))
                _attributes(source, target, over)
                continue
            levels.pop()
            target_about.pop()
            os.fchmod(target, stat.S_IMODE(level.about.st_mode))
            os.utime(target, ns=(level.about.st_atime_ns, level.about.st_mtime_ns))
            if levels:
                source, target = _up(source, levels[-1].about), _up(target, target_about[-1])
    finally:
        os.close(source)
        os.close(target)
    for name in links:
        os.unlink(name, dir_fd=staging)


def _down(here: int, name: str) -> int:
    below = os.open(name, _DIRECTORY, dir_fd=here)
    os.close(here)
    return below


def _goes_on(name: str, layer: int, target: int) -> bool:
    """Whether a layer's directory adds to the one of this name in the target; else there is none any more."""
    try:
        there = stat.S_ISDIR(os.stat(name, dir_fd=target, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
    if there and not _is_opaque(layer):
        return True
    remove(name, target)
    return False


def _is_opaque(layer: int) -> bool:
    """Whether a layer's directory hides what the layers below it have."""
    try:
        return os.getxattr(layer, _OPAQUE) == b"y"
    except OSError:
        return False


def _copy_entries(source: int, target: int, staging: int, links: set[str], over: bool) -> list[str]:
    """Copies what is no directory, and says which directories there are."""
    directories = []
    for name in os.listdir(source):
        about = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(about.st_mode):
            directories.append(name)
            continue
        if over:
            remove(name, target)
            if stat.S_ISCHR(about.st_mode):  # an overlay's mark for "deleted": nobody can make other devices
                continue
        if about.st_nlink == 1:
            _copy_one(name, about, source, name, target)
        else:
            _copy_linked(name, about, source, target, staging, links)
    return directories


def _copy_linked(name: str, about: os.stat_result, source: int, target: int, staging: int, links: set[str]) -> None:
    key = f"{about.st_dev}-{about.st_ino}"
    if key not in links:
        _copy_one(name, about, source, key, staging)
        links.add(key)
    try:
        os.link(key, name, src_dir_fd=staging, dst_dir_fd=target, follow_symlinks=False)
    except FileNotFoundError:
        links.discard(key)  # of a kind that is not copied
    except OSError as error:
        if error.errno != errno.EMLINK:
            raise
        _copy_one(name, about, source, name, target)


def _copy_one(name: str, about: os.stat_result, source: int, new_name: str, target: int) -> None:
    mode = about.st_mode
    times = (about.st_atime_ns, about.st_mtime_ns)
    if stat.S_ISREG(mode):
        _copy_file(name, about, source, new_name, target)
        return
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(name, dir_fd=source), new_name, dir_fd=target)
    elif stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        os.mknod(new_name, mode, dir_fd=target)
        os.chmod(new_name, stat.S_IMODE(mode), dir_fd=target)
    elif stat.S_ISCHR(mode) and about.st_rdev == 0:  # an overlay's mark for "deleted"
        os.mknod(new_name, stat.S_IFCHR, 0, dir_fd=target)
    else:
        return
    os.utime(new_name, ns=times, dir_fd=target, follow_symlinks=False)


def _copy_file(name: str, about: os.stat_result, source: int, new_name: str, target: int) -> None:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    old = os.open(name, os.O_RDONLY | flags, dir_fd=source)
    try:
        new = os.open(new_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600, dir_fd=target)
        try:
            _copy_data(old, new, about.st_size)
            _attributes(old, new)
            os.fchmod(new, stat.S_IMODE(about.st_mode))
            os.utime(new, ns=(about.st_atime_ns, about.st_mtime_ns))
        finally:
            os.close(new)
    finally:
        os.close(old)


def _copy_data(old: int, new: int, size: int) -> None:
    """Copies the parts that hold data, so that a file of holes stays one."""
    if size == 0:
        return
    position = 0
    while position < size:
        try:
            start = os.lseek(old, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break
        position = min(os.lseek(old, start, os.SEEK_HOLE), size)
        _copy_range(old, new, start, position)
    os.ftruncate(new, size)


def _copy_range(old: int, new: int, start: int, end: int) -> None:
    while start < end:
        try:
            copied = os.copy_file_range(old, new, min(_CHUNK, end - start), start, start)
        except OSError as error:
            if error.errno not in _CANNOT_CLONE:
                raise
            copied = os.pwrite(new, os.pread(old, min(_CHUNK, end - start), start), start)
        if copied == 0:
            return
        start += copied


def _attributes(old: int, new: int, over: bool = False) -> None:
    """Copies the user's extended attributes, an overlay's own marks among them unless they have been heeded."""
    try:
        names = os.listxattr(old)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return
        raise
    for name in names:
        if name.startswith("user.") and not (over and name.startswith(_MARKS)):
            os.setxattr(new, name, os.getxattr(old, name))


def size(directory: int, wanted: Wanted = _always, *, entry_bytes: int = 0) -> int:
    """The bytes that a tree takes on its disk, which may change meanwhile; a file with several names counts once.

    Args:
        directory: The tree.
        wanted: Asked between entries.
        entry_bytes: What each file and directory in it counts beside its contents.
    """
    seen: set[int] = set()
    here = os.dup(directory)
    try:
        below, total = _size_of_entries(here, seen, entry_bytes)
        levels = [_Level("", os.fstat(here), below)]
        while levels:
            if not wanted():
                raise GivenUp
            if not levels[-1].below:
                levels.pop()
                here = _up(here, levels[-1].about) if levels else here
                continue
            name = levels[-1].below.pop()
            try:
                here = _down(here, name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            below, more = _size_of_entries(here, seen, entry_bytes)
            levels.append(_Level(name, os.fstat(here), below))
            total += more
    finally:
        os.close(here)
    return total


def _size_of_entries(here: int, seen: set[int], entry_bytes: int) -> tuple[list[str], int]:
    """The directories in a directory, and the bytes of all that is in it but theirs below."""
    directories = []
    total = 0
    for name in _names(here):
        try:
            about = os.stat(name, dir_fd=here, follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(about.st_mode):
            directories.append(name)
        elif about.st_nlink > 1:
            if about.st_ino in seen:
                continue
            seen.add(about.st_ino)
        total += about.st_blocks * 512 + entry_bytes
    return directories, total


def changed(top: int, since_ns: int, limit: int, passed_over: str) -> tuple[list[str], bool]:
    """What was changed in a tree since a moment, by path in it, and whether there was more than is told.

    A layer of changes marks what was deleted by a device of number 0, which is told like a changed file.

    Args:
        top: The tree, which nobody changes meanwhile.
        since_ns: The moment, in UTC nanoseconds.
        limit: How many paths are told.
        passed_over: The path in it of a directory that is left out; empty: none.
    """
    found: list[str] = []
    more = False
    deadline = time.monotonic() + _CHANGED_SECONDS
    here = os.dup(top)
    try:
        levels = [_Level("", os.fstat(here), _changed_entries(here, "", since_ns, found))]
        path = ""
        while levels:
            if len(found) > limit or time.monotonic() > deadline:
                return sorted(found)[:limit], True
            if not levels[-1].below:
                left = levels.pop()
                here = _up(here, levels[-1].about) if levels else here
                path = path[: len(path) - len(left.name) - 1]
                continue
            name = levels[-1].below.pop()
            if path + name == passed_over:
                continue
            if len(path) + len(name) > _MAX_PATH:
                more = True
                continue
            here = _down(here, name)
            path += f"{name}/"
            levels.append(_Level(name, os.fstat(here), _changed_entries(here, path, since_ns, found)))
    finally:
        os.close(here)
    return sorted(found), more


def _changed_entries(here: int, path: str, since_ns: int, found: list[str]) -> list[str]:
    """Adds the changed files of a directory to what was found; returns its directories."""
    below = []
    for name in _names(here):
        about = os.stat(name, dir_fd=here, follow_symlinks=False)
        if stat.S_ISDIR(about.st_mode):
            below.append(name)
        elif about.st_ctime_ns >= since_ns:
            found.append(path + name)
    return below


def _names(directory: int) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:  # deleted while it was open
        return []


def remove(name: str, parent: int, wanted: Wanted = _always) -> None:
    """Deletes a file or a whole tree; does nothing where there is none."""
    try:
        about = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(about.st_mode):
        os.unlink(name, dir_fd=parent)
        return
    parent_about = os.fstat(parent)
    here = os.dup(parent)
    try:
        here = _enter_to_empty(here, name)
        levels = [_Level(name, os.fstat(here), _remove_entries(here))]
        while levels:
            if not wanted():
                raise GivenUp
            if levels[-1].below:
                below = levels[-1].below.pop()
                here = _enter_to_empty(here, below)
                levels.append(_Level(below, os.fstat(here), _remove_entries(here)))
                continue
            emptied = levels.pop()
            here = _up(here, levels[-1].about if levels else parent_about)
            os.rmdir(emptied.name, dir_fd=here)
    finally:
        os.close(here)


def _enter_to_empty(here: int, name: str) -> int:
    """Goes into a directory with every right in it that its owner can have."""
    try:
        return _down(here, name)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=here)  # of a directory: it was looked at without following links
        return _down(here, name)


def _remove_entries(here: int) -> list[str]:
    """Deletes what is no directory, and says which directories there are."""
    if stat.S_IMODE(os.fstat(here).st_mode) & 0o700 != 0o700:
        os.fchmod(here, 0o700)
    directories = []
    with os.scandir(here) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=here)
    return directories
