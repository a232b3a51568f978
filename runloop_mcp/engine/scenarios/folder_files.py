"""The files of a folder: a cheap signature that tells whether any of them changed, and the hash of what they hold."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import runloop_mcp

BYTECODE = "__pycache__"
"""Left out everywhere: installing a package makes these, so they would tell installations apart."""

_LOADER_VERSION = f"1 {runloop_mcp.__version__}"
"""Part of every signature, so that a newer program reads folders anew that an older one has read."""


class FilesError(Exception):
    """A file that can't be laid out in a devbox."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def signature(folder: Path | str) -> str:
    """Names the state of a folder by its files' names, sizes, modes and times; reads none of them."""
    digest = hashlib.sha256(_LOADER_VERSION.encode())
    for name, entry in _walk(folder):
        try:
            status = entry.stat(follow_symlinks=False)
            target = str(Path(entry.path).readlink()) if stat.S_ISLNK(status.st_mode) else ""
        except FileNotFoundError:
            continue  # gone meanwhile, which the next look will see
        size, changed = (0, 0) if stat.S_ISDIR(status.st_mode) else (status.st_size, status.st_mtime_ns)
        line = f"{name}\0{status.st_mode:o}\0{size}\0{changed}\0{target}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def content_key(source: Path) -> str:
    """Names what a folder holds, so that the same key means the same files; independent of place and time.

    Raises:
        FilesError: A file is not one that can be laid out in a devbox.
        OSError: A file can't be read.
    """
    digest = hashlib.sha256(b"files 1\n")
    for name, entry in _walk(source):
        if entry.is_symlink():
            kind, contents = "link", _link_target(source, name, entry).encode(errors="surrogateescape")
        elif entry.is_dir():
            kind, contents = "directory", b""
        elif entry.is_file():
            with Path(entry.path).open("rb") as file:
                contents = hashlib.file_digest(file, "sha256").digest()
            kind = "program" if entry.stat().st_mode & stat.S_IXUSR else "file"
        else:
            raise FilesError(name, "is neither a file nor a directory nor a symbolic link")
        head = f"{kind} {len(contents)} {name}\0".encode(errors="surrogateescape")
        digest.update(head + contents)
    return digest.hexdigest()


def _link_target(source: Path, name: str, entry: "os.DirEntry[str]") -> str:
    target = str(Path(entry.path).readlink())
    place = PurePosixPath(os.path.normpath(PurePosixPath(name).parent / target))
    if PurePosixPath(target).is_absolute() or place.parts[:1] == ("..",):
        raise FilesError(name, f"is a symbolic link that leads out of {source.name}/; make it relative and within")
    return target


def _walk(folder: Path | str, prefix: str = "") -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Everything below a folder with its relative path, in an order that is always the same; links are not followed."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name == BYTECODE:
            continue
        yield prefix + entry.name, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")
