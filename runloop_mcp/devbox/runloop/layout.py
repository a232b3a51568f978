"""How a devbox comes to be what its spec says: what of it the API makes, and what is laid out in it afterwards."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runloop_mcp.api.errors import NotFound
from runloop_mcp.devbox.port import HOME, DevboxSpec, Files, WorkOf

from .devbox import Step
from .file_parcels import packed
from .records import Records, SnapshotRecord


@dataclass(slots=True)
class Layout:
    """What is to be done for a devbox."""

    snapshot_id: str | None = None
    """The snapshot that the API makes it from, as the API calls it."""
    steps: list[Step] = field(default_factory=list)
    """What is done in it then."""
    uploads: list[tuple[Path, str]] = field(default_factory=list)
    """The parcels that it needs for that, and their names in the agent's folder."""


def layout(spec: DevboxSpec, records: Records, folder: str) -> Layout:
    """What a devbox takes; blocks.

    A snapshot of the API is a whole disk. It is used as one where home and working directory come from it; where only
    the working directory does, that is carried over as a parcel, onto the disk that every devbox begins as.

    Args:
        spec: The devbox's.
        records: Of the state directory.
        folder: The agent's folder in the devbox.

    Raises:
        NotFound: A snapshot, or files, are not there.
    """
    made = Layout()
    place = _placing(made, folder)
    work = spec.working_directory
    home_of = whole(spec.home_snapshot, records) if spec.home_snapshot is not None else None
    work_of = whole(spec.work_snapshot, records) if spec.work_snapshot is not None else None
    as_it_is = home_of is not None and home_of == work_of and _same_places(home_of.spec, spec)
    if home_of is not None:
        made.snapshot_id = home_of.cloud_id
    if not as_it_is:
        _lay_out_work(made, place, spec, home_of, work_of, records)
    for at, source in spec.read_only.items() if not as_it_is else ():
        made.steps.append(("directory", (at,)))
        path = packed(source, records) if isinstance(source, Files) else _work(source.snapshot_id, records)
        made.steps += [("unpack", (place(path), at)), ("lock", (at,))]
    made.steps.append(("directory", (work,)))
    if spec.files is not None:
        made.steps.append(("unpack", (place(packed(spec.files, records)), work)))
    return made


def _lay_out_work(
    made: Layout,
    place: Callable[[Path], str],
    spec: DevboxSpec,
    home_of: SnapshotRecord | None,
    work_of: SnapshotRecord | None,
    records: Records,
) -> None:
    work = spec.working_directory
    if home_of is not None and home_of == work_of and _is_named_afterwards(home_of.spec, spec):
        # What the snapshot has there stays, and what it had where it worked comes to that.
        made.steps += [("directory", (work,)), ("unpack", (place(_work(home_of.id, records)), work))]
        return
    if home_of is not None:
        old = home_of.spec
        for at in old.read_only:
            made.steps.append(("remove", (at,)))
        if old.working_directory not in (work, HOME):
            made.steps.append(("remove", (old.working_directory,)))
    elif work != f"{HOME}/work":
        made.steps.append(("empty", (f"{HOME}/work",)))
    if (home_of is not None or work_of is not None) and work != HOME:
        made.steps.append(("clear", (work,)))
    made.steps.append(("directory", (work,)))
    if work_of is not None:
        made.steps.append(("unpack", (place(_work(work_of.id, records)), work)))


def _is_named_afterwards(old: DevboxSpec, new: DevboxSpec) -> bool:
    """Whether a working directory may be one of a snapshot's home that was made as any other there."""
    at = new.working_directory
    return at != old.working_directory and at.startswith(f"{HOME}/") and not old.read_only


def _placing(made: Layout, folder: str) -> Callable[[Path], str]:
    def place(path: Path) -> str:
        target = posixpath.join(folder, f"parcel-{len(made.uploads)}")
        made.uploads.append((path, target))
        return target

    return place


def _same_places(old: DevboxSpec, new: DevboxSpec) -> bool:
    def places(spec: DevboxSpec) -> object:
        return spec.working_directory, spec.user, dict(spec.read_only), spec.image

    return places(old) == places(new)


def whole(snapshot_id: str, records: Records) -> SnapshotRecord:
    """A snapshot that is there; blocks.

    Raises:
        NotFound: There is none.
    """
    record = records.snapshot(snapshot_id)
    if record is None or not record.whole:
        raise NotFound(f"There is no snapshot {snapshot_id}.", hint="Make one with a snapshot of a devbox.")
    return record


def _work(snapshot_id: str, records: Records) -> Path:
    whole(snapshot_id, records)
    return records.work_of(snapshot_id)


def missing(spec: DevboxSpec, records: Records) -> None:
    """Raises what a devbox can't be made without; blocks.

    Raises:
        NotFound: A snapshot is not there.
    """
    needed = [spec.home_snapshot, spec.work_snapshot]
    needed += [source.snapshot_id for source in spec.read_only.values() if isinstance(source, WorkOf)]
    for snapshot_id in needed:
        if snapshot_id is not None:
            whole(snapshot_id, records)
