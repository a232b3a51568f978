"""Lays out what a devbox begins as, and packs what is kept of it: one step after the other, until one fails."""

from __future__ import annotations

import errno
import os
import stat

from runloop_mcp.devbox.runloop.inside import parcel
from runloop_mcp.devbox.sandbox.inside import processes, trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[], int]
    """Works in a process of its own, and returns its exit status."""


def carry_out(steps: list[tuple[str, tuple[bytes, ...]]], results: int) -> int:
    """Carries out steps; returns 0, or the number of the error, and writes which step it was that failed.

    Args:
        steps: Each the name of a function below that is in `_STEPS`, and its arguments.
        results: Written to.
    """
    for name, arguments in steps:
        try:
            _STEPS[name](*arguments)
        except OSError as error:
            os.write(results, f"{name} {os.fsdecode(arguments[0])}: {error.strerror}".encode(errors="replace")[:2000])
            return min(error.errno or errno.EIO, 255)
        except Exception as error:  # noqa: BLE001 - whatever it was, the one who waits must learn of it
            os.write(results, f"{name}: {type(error).__name__}: {error}".encode(errors="replace")[:2000])
            return errno.EIO
    return 0


def _directory(path: bytes) -> None:
    """Makes a directory that this user can write, and those that it needs."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError:
        if not _as_root(b"install", b"-d", b"-o", b"%d" % os.getuid(), b"-g", b"%d" % os.getgid(), path):
            raise
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "it can't be written")


def _clear(path: bytes) -> None:
    """Deletes what a directory holds, as far as there is one."""
    try:
        here = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        for name in os.listdir(here):
            try:
                trees.remove(name, here)
            except PermissionError:
                if not _as_root(b"rm", b"-rf", b"--", os.path.join(path, os.fsencode(name))):
                    raise
    finally:
        os.close(here)


def _remove(path: bytes) -> None:
    """Deletes a directory and what it holds."""
    _clear(path)
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        # Where something is mounted, an empty directory stays.
        if error.errno != errno.EBUSY and not _as_root(b"rm", b"-rf", b"--", path):
            raise


def _empty_place(path: bytes) -> None:
    """Takes away a directory that is there for want of another; does nothing where it holds something."""
    try:
        os.rmdir(path)
    except OSError:
        pass


def _unpack(source: bytes, path: bytes) -> None:
    """Unpacks a parcel, and deletes it."""
    opened = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parcel.unpack(opened, path)
    finally:
        os.close(opened)
        os.unlink(source)


def _lock(path: bytes) -> None:
    """Has nobody change a directory any more, as far as this user can see to that."""
    if _as_root(b"chown", b"-R", b"root:root", b"--", path):
        _as_root(b"chmod", b"-R", b"a-w", b"--", path)
        return
    for folder, _, files in os.walk(path, topdown=False):
        for name in files:
            inner = os.path.join(folder, name)
            if not os.path.islink(inner):
                os.chmod(inner, stat.S_IMODE(os.stat(inner).st_mode) & ~0o222)
        os.chmod(folder, stat.S_IMODE(os.stat(folder).st_mode) & ~0o222)


def _pack(path: bytes, target: bytes, without: bytes) -> None:
    """Packs a directory."""
    opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        parcel.pack(path, opened, without)
    finally:
        os.close(opened)


def _forget(path: bytes) -> None:
    """Deletes a file."""
    os.unlink(path)


def _as_root(*argv: bytes) -> bool:
    """Runs a program as root, where this user may; returns whether it went well."""
    null = os.open("/dev/null", os.O_RDWR)
    try:
        command = [b"sudo", b"-n", *argv]
        pid = processes.spawn(command, {b"PATH": b"/usr/sbin:/usr/bin:/sbin:/bin"}, null, null, null)
    except OSError:
        return False
    finally:
        os.close(null)
    return os.waitpid(pid, 0)[1] == 0


_STEPS: dict[str, Callable[..., None]] = {
    "directory": _directory,
    "clear": _clear,
    "remove": _remove,
    "empty": _empty_place,
    "unpack": _unpack,
    "lock": _lock,
    "pack": _pack,
    "forget": _forget,
}
