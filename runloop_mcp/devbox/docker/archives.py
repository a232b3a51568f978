"""Tar archives, through which files get into and out of containers; nothing is ever unpacked here.

Everything but `parts` may block and belongs in a thread.
"""

import io
import os
import posixpath
import stat
import tarfile
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio.to_thread

from runloop_mcp.api.errors import Unavailable

_CHUNK = 1 << 20
_IN_MEMORY = 16 << 20


class Packer:
    """Makes an archive whose entries have paths from the root on."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - its user closes it
        self._tar = tarfile.open(  # noqa: SIM115 - closed by `finish`
            fileobj=self.file, mode="w", format=tarfile.GNU_FORMAT
        )

    def directory(self, path: str, owner: int, mode: int = 0o755, modified: float = 0) -> None:
        """Adds a directory."""
        self._tar.addfile(_entry(path, tarfile.DIRTYPE, owner, mode, modified))

    def text(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Adds a file of root's."""
        entry = _entry(path, tarfile.REGTYPE, 0, mode)
        entry.size = len(content)
        self._tar.addfile(entry, io.BytesIO(content))

    def link(self, path: str, target: str) -> None:
        """Adds a symbolic link of root's."""
        entry = _entry(path, tarfile.SYMTYPE, 0, 0o777)
        entry.linkname = target
        self._tar.addfile(entry)

    def tree(self, source: Path, at: str, owner: int | None) -> None:
        """Adds what a trusted folder holds, or a file alone, below a path.

        Args:
            source: The folder or file.
            at: Where it comes to lie.
            owner: Whose it becomes; None for root's, where everybody can read it as its owner here can.
        """
        if source.is_dir():
            self._folder(source, at, owner)
            return
        self.directory(at, owner or 0, 0o755)
        self._file(source, posixpath.join(at, source.name), owner)

    def _folder(self, folder: Path, at: str, owner: int | None) -> None:
        about = folder.stat()
        self.directory(at, owner or 0, _mode(about.st_mode, 0o700, owner), about.st_mtime)
        for path in sorted(folder.iterdir()):
            inner = posixpath.join(at, path.name)
            kind = path.lstat().st_mode
            if stat.S_ISLNK(kind):
                entry = _entry(inner, tarfile.SYMTYPE, owner or 0, 0o777)
                entry.linkname = str(path.readlink())
                self._tar.addfile(entry)
            elif stat.S_ISDIR(kind):
                self._folder(path, inner, owner)
            elif stat.S_ISREG(kind):
                self._file(path, inner, owner)

    def _file(self, path: Path, at: str, owner: int | None) -> None:
        with path.open("rb") as content:
            about = os.fstat(content.fileno())
            entry = _entry(at, tarfile.REGTYPE, owner or 0, _mode(about.st_mode, 0o600, owner), about.st_mtime)
            entry.size = about.st_size
            self._tar.addfile(entry, content)

    def finish(self) -> IO[bytes]:
        """The archive, to be read from its beginning; whoever takes it closes it."""
        self._tar.close()
        self.file.seek(0)
        return self.file


def _entry(path: str, kind: bytes, owner: int, mode: int, modified: float = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.strip("/"))
    entry.type, entry.uid, entry.gid, entry.mode, entry.mtime = kind, owner, owner, mode, modified
    return entry


def _mode(mode: int, least: int, owner: int | None) -> int:
    mode = stat.S_IMODE(mode) & 0o777 | least
    return mode if owner is not None else _for_everybody(mode)


def _for_everybody(mode: int) -> int:
    """The permissions with which everybody but root may do what the owner might, except to write."""
    owners = mode >> 6 & 0o5
    return owners << 6 | owners << 3 | owners


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a part of a disk on its way from one container to another."""

    owner: int | None
    """Whose it becomes; None for root's, where nobody can change it."""
    without: str | None = None
    """What is left behind: a path relative to the part."""


def changed(source: IO[bytes], change: Change) -> IO[bytes]:
    """An archive of a container's directory with owners changed; both are temporary files, which their user closes.

    Raises:
        Unavailable: It is no archive.
    """
    target: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - its user closes it
    try:
        with (
            tarfile.open(fileobj=source, mode="r:", errors="surrogateescape") as old,
            tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as new,
        ):
            for entry in old:
                if not _is_within(entry.name, change.without):
                    _change(entry, change)
                    new.addfile(entry, old.extractfile(entry) if entry.isreg() else None)
    except (tarfile.TarError, OSError, ValueError) as error:
        target.close()
        raise Unavailable(f"The disk's archive can't be read: {error}.") from error
    target.seek(0)
    return target


def _is_within(name: str, path: str | None) -> bool:
    return path is not None and f"{posixpath.normpath(name)}/".startswith(f"{path}/")


def _change(entry: tarfile.TarInfo, change: Change) -> None:
    entry.uid = entry.gid = change.owner or 0
    entry.uname = entry.gname = ""
    own = ("uid", "gid", "uname", "gname")
    entry.pax_headers = {name: value for name, value in entry.pax_headers.items() if name not in own}
    if change.owner is None and not entry.issym():
        entry.mode = _for_everybody(entry.mode)


def single_file(archive: bytes) -> bytes:
    """What the first file of an archive holds."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for entry in tar:
            if (content := tar.extractfile(entry)) is not None:
                return content.read()
    return b""


async def parts(file: IO[bytes]) -> AsyncIterator[bytes]:
    """A file, part by part, read beside the event loop."""
    while data := await anyio.to_thread.run_sync(file.read, _CHUNK):
        yield data


async def spooled(content: AsyncIterator[bytes]) -> IO[bytes]:
    """Keeps what comes in a temporary file, to be read from its beginning; its user closes it."""
    file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - its user closes it
    try:
        async for data in content:
            await anyio.to_thread.run_sync(file.write, data)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file
