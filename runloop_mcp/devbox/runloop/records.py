"""What a state directory knows of its things at Runloop: small files, written before the API is asked for anything.

Who they belong to and what they are called there is in them, so that a server that comes later finds them again; the
metadata of the things themselves say the same for those that no record is left of. A devbox's variables are in its
record alone: they may be secrets, and stay here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from runloop_mcp.devbox.port import DevboxSpec
from runloop_mcp.devbox.sandbox.records import read_json, spec_from_json, spec_to_json, write_json


@dataclass(frozen=True, slots=True)
class DevboxRecord:
    """What is known of a devbox."""

    id: str
    spec: DevboxSpec
    cloud_id: str = ""
    """What the API calls it; empty: it is just being asked for."""
    execution_id: str = ""
    """The agent's, as long as one may run."""


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """What is known of a snapshot."""

    id: str
    spec: DevboxSpec
    """Of the devbox that it is of."""
    cloud_id: str = ""
    whole: bool = False
    size_bytes: int = 0
    """As the API tells it; 0 where it does not."""


class Records:
    """The records of a state directory; everything here blocks.

    Args:
        folder: A private folder, which several servers may share.
    """

    def __init__(self, folder: Path) -> None:
        self._devboxes = folder / "devboxes"
        self._snapshots = folder / "snapshots"
        self._files = folder / "files"

    def any(self) -> bool:
        """Whether there ever was one."""
        return self._devboxes.is_dir() or self._files.is_dir()

    # Devboxes

    def devbox(self, devbox_id: str) -> DevboxRecord | None:
        """What is known of a devbox, if anything."""
        about = read_json(self._devboxes / f"{devbox_id}.json")
        if about is None:
            return None
        return DevboxRecord(devbox_id, spec_from_json(about["spec"]), about["cloud_id"], about["execution_id"])

    def keep_devbox(self, record: DevboxRecord) -> None:
        """Writes a devbox's record."""
        self._devboxes.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = {
            "spec": spec_to_json(record.spec), "cloud_id": record.cloud_id, "execution_id": record.execution_id,
        }  # fmt: skip
        write_json(self._devboxes / f"{record.id}.json", content)

    def forget_devbox(self, devbox_id: str) -> None:
        """Deletes a devbox's record."""
        (self._devboxes / f"{devbox_id}.json").unlink(missing_ok=True)

    def devboxes(self) -> Iterator[tuple[DevboxRecord, int]]:
        """All devboxes, and when their records changed, in UTC milliseconds."""
        for name, changed_ms in _records(self._devboxes):
            if (record := self.devbox(name)) is not None:
                yield record, changed_ms

    # Snapshots

    def snapshot(self, snapshot_id: str) -> SnapshotRecord | None:
        """What is known of a snapshot, if anything."""
        about = read_json(self._snapshots / f"{snapshot_id}.json")
        if about is None:
            return None
        spec = spec_from_json(about["spec"])
        return SnapshotRecord(snapshot_id, spec, about["cloud_id"], about["whole"], about["size_bytes"])

    def keep_snapshot(self, record: SnapshotRecord) -> None:
        """Writes a snapshot's record."""
        self._snapshots.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = {
            "spec": spec_to_json(record.spec), "cloud_id": record.cloud_id,
            "whole": record.whole, "size_bytes": record.size_bytes,
        }  # fmt: skip
        write_json(self._snapshots / f"{record.id}.json", content)

    def forget_snapshot(self, snapshot_id: str) -> None:
        """Deletes a snapshot's record and its parcel."""
        self.work_of(snapshot_id).unlink(missing_ok=True)
        (self._snapshots / f"{snapshot_id}.json").unlink(missing_ok=True)

    def snapshots(self) -> Iterator[tuple[SnapshotRecord, int]]:
        """All snapshots, and when their records changed, in UTC milliseconds."""
        for name, changed_ms in _records(self._snapshots):
            if (record := self.snapshot(name)) is not None:
                yield record, changed_ms

    def work_of(self, snapshot_id: str) -> Path:
        """The parcel with a snapshot's working directory."""
        return self._snapshots / f"{snapshot_id}.parcel"

    # Files

    def files(self, key: str) -> Path:
        """The parcel of files with a key."""
        return self._files / f"{quote(key, safe='')}.parcel"

    def files_folder(self) -> Path:
        """Where those lie."""
        self._files.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._files

    def all_files(self) -> Iterator[tuple[str, int]]:
        """The keys of all files, and when they were packed, in UTC milliseconds."""
        if self._files.is_dir():
            for path in self._files.glob("*.parcel"):
                yield unquote(path.stem), path.stat().st_mtime_ns // 1_000_000


def _records(folder: Path) -> Iterator[tuple[str, int]]:
    if folder.is_dir():
        for path in folder.glob("*.json"):
            try:
                yield path.stem, path.stat().st_mtime_ns // 1_000_000
            except FileNotFoundError:
                continue
