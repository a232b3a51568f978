"""What lies in the driver's folder, what of it is in use, and taking away what is not.

Names of leftovers are paths relative to that folder. Nothing here runs in the event loop.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import Kept, KeptKind

from .disk import Disk
from .disk_failure import disk_failure
from .disk_locks import is_locked
from .file_layers import FILES_PREFIX
from .inside import trees

_SNAPSHOT_PREFIX = "snapshot-"
PROBE_PREFIX = "trial-"
"""Begins the key of the files that a driver tries itself out with; the name of its tools follows."""


class Inventory:
    """Everything in a driver's folder. Every method may block and belongs in a thread."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def listed(self) -> list[Kept]:
        """Everything that is kept."""
        current = self._current_tools()
        # Under the lock, so that all of it is seen at one moment: nothing is half given up.
        with self._disk.locked(fcntl.LOCK_SH):
            needed = self._disk.needed_layers()
            return [
                *self._devboxes(),
                *self._snapshots(),
                *self._files(needed),
                *self._half_written(),
                *self._removed(needed),
                *self._tools(current),
                *self._trash(),
            ]

    def size(self, kept: Kept) -> int:
        """The bytes that something takes.

        Raises:
            PermissionError: A directory in it is closed to the caller.
        """
        path = self._disk.state / self.place(kept)
        try:
            opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        except NotADirectoryError:
            return path.lstat().st_blocks * 512
        try:
            return trees.size(opened)
        finally:
            os.close(opened)

    def place(self, kept: Kept) -> str:
        """Where something lies, relative to the driver's folder."""
        if kept.kind is KeptKind.DEVBOX:
            return f"devboxes/{kept.id}"
        if kept.kind is KeptKind.SNAPSHOT:
            return f"layers/{_SNAPSHOT_PREFIX}{kept.id}"
        if kept.kind is KeptKind.FILES:
            return f"layers/{FILES_PREFIX}{kept.id}"
        kind, _, name = kept.id.partition("/")
        return f"layers/{_SNAPSHOT_PREFIX}{Path(name).stem}" if kind == "removed" else kept.id

    def discard(self, kept: Kept) -> bool:
        """Deletes something that nothing uses; whether it is gone."""
        try:
            if kept.kind is KeptKind.DEVBOX:
                lock = self._disk.state / "devboxes" / kept.id / "lock"
                return self._disk.give_up("devboxes", kept.id, in_use=lambda: is_locked(lock))
            if kept.kind is KeptKind.SNAPSHOT:
                if is_locked(self._disk.state / self.place(kept)):
                    return False
                self._disk.remove_snapshot(kept.id)
                return True
            if kept.kind is KeptKind.FILES:
                return self._discard_files(kept.id)
            return self._discard_leftover(*kept.id.split("/", 1))
        except OSError as error:
            raise disk_failure(error, "What is not needed cannot be deleted") from error

    # What there is

    def _devboxes(self) -> Iterator[Kept]:
        for folder in self._entries("devboxes"):
            yield _kept(KeptKind.DEVBOX, folder.name, folder, in_use=is_locked(folder / "lock"))

    def _snapshots(self) -> Iterator[Kept]:
        """Those that are valid, and those whose layers are there without a record: half made."""
        found = {record.stem: record for record in self._entries("snapshots") if record.suffix == ".json"}
        removed = {record.stem for record in self._entries("removed")}
        for layer in self._entries("layers"):
            name = layer.name.removeprefix(_SNAPSHOT_PREFIX)
            if layer.name.startswith(_SNAPSHOT_PREFIX) and name not in removed:
                found.setdefault(name, layer)
        for name, path in found.items():
            being_made = is_locked(self._disk.state / "layers" / f"{_SNAPSHOT_PREFIX}{name}")
            yield _kept(KeptKind.SNAPSHOT, name, path, in_use=being_made)

    def _files(self, needed: set[str]) -> Iterator[Kept]:
        for layer in self._entries("layers"):
            key = layer.name.removeprefix(FILES_PREFIX)
            if layer.name.startswith(FILES_PREFIX) and not key.startswith(PROBE_PREFIX):
                yield _kept(KeptKind.FILES, key, layer, in_use=layer.name in needed)

    def _half_written(self) -> Iterator[Kept]:
        for record in self._entries("snapshots"):
            if record.suffix != ".json":
                yield _kept(KeptKind.LEFTOVER, f"snapshots/{record.name}", record, in_use=False)

    def _removed(self, needed: set[str]) -> Iterator[Kept]:
        for record in self._entries("removed"):
            if f"{_SNAPSHOT_PREFIX}{record.stem}" not in needed:
                yield _kept(KeptKind.LEFTOVER, f"removed/{record.name}", record, in_use=False)

    def _current_tools(self) -> str | None:
        """The name of the tools that the next devbox has; None where none can be had here, so that nobody can tell."""
        from .tools import current_key  # noqa: PLC0415 - a server's start need not pay for it

        try:
            return current_key(self._disk.state / "tools")
        except Unavailable:
            return None

    def _tools(self, current: str | None) -> Iterator[Kept]:
        tools = self._entries("tools")
        for path in tools:
            if current is not None and path.is_dir() and path.name != current:
                yield _kept(KeptKind.LEFTOVER, f"tools/{path.name}", path, in_use=is_locked(path))
        for layer in self._entries("layers"):
            of_tools = layer.name.removeprefix(f"{FILES_PREFIX}{PROBE_PREFIX}")
            if of_tools != layer.name and not any(path.name == of_tools for path in tools):
                yield _kept(KeptKind.LEFTOVER, f"layers/{layer.name}", layer, in_use=False)

    def _trash(self) -> Iterator[Kept]:
        for path in self._entries("trash"):
            yield _kept(KeptKind.LEFTOVER, f"trash/{path.name}", path, in_use=_maker_lives(path.name))

    def _entries(self, kind: str) -> list[Path]:
        try:
            return sorted((self._disk.state / kind).iterdir())
        except FileNotFoundError:
            return []

    # Taking it away

    def _discard_files(self, key: str) -> bool:
        name = f"{FILES_PREFIX}{key}"
        return self._disk.give_up("layers", name, in_use=lambda: name in self._disk.needed_layers())

    def _discard_leftover(self, kind: str, name: str) -> bool:
        if kind == "trash":
            if _maker_lives(name):
                return False
            self._disk.delete(kind, name)
        elif kind == "removed":
            self._disk.collect()
        elif kind == "tools":
            return self._discard_tools(name)
        elif kind == "layers":
            return self._discard_files(name.removeprefix(FILES_PREFIX))
        else:
            with self._disk.locked(fcntl.LOCK_EX):  # whoever writes a record shares this lock
                (self._disk.state / kind / name).unlink(missing_ok=True)
        return True

    def _discard_tools(self, name: str) -> bool:
        path = self._disk.state / "tools" / name
        with contextlib.suppress(FileNotFoundError):
            opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                trash = self._disk.to_trash("tools", name)
            except BlockingIOError:
                return False
            finally:
                os.close(opened)
            if trash is not None:
                self._disk.delete("trash", trash)
        return True


def _kept(kind: KeptKind, name: str, path: Path, *, in_use: bool) -> Kept:
    try:
        # Not mtime, which is that of the source where files are copied.
        changed_ms = path.lstat().st_ctime_ns // 1_000_000
    except FileNotFoundError:  # taken away meanwhile
        changed_ms = 0
    return Kept(kind, name, changed_ms, in_use)


def _maker_lives(name: str) -> bool:
    """Whether the process that put something into the trash lives; its id is the last part of the name but one."""
    process = name.rsplit("-", 2)[-2:][0]
    return process.isdigit() and Path(f"/proc/{process}").exists()
