"""Sealing: the layer of a stopped box becomes a snapshot's by a rename, and the box goes on above it.

Nothing is copied, however much the box has changed. What is to happen is written down first, beside the box's own
record, and counts as a claim on its layers from then on: where a server is killed in the middle, whoever uses the disk
next brings it to its end. The caller holds the disk.
"""

import contextlib
import fcntl
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .records import LAY_IN, Chains, chains_from_json, chains_to_json, read_json, write_json

if TYPE_CHECKING:
    from .disk import Disk

INTENTION = "sealing.json"
"""Beside a devbox's record: what is being sealed."""


def seal(disk: "Disk", devbox_id: str, snapshot_id: str) -> None:
    """Makes a snapshot of a stopped box, whose disk the caller holds.

    Raises:
        Conflict: There is a snapshot with this id already.
        OSError: The disk refuses. What was begun by then is brought to its end by whoever uses the disk next.
    """
    folder = disk.state / "devboxes" / devbox_id
    below = disk.chains_below(devbox_id)
    layers, lock = disk.new_layers(snapshot_id)
    try:
        own = f"layers/{layers.name}"
        home = _above(folder / "home", f"{own}/home", below.home)
        work = _above(folder / "work", f"{own}/work", below.work)
        chains = Chains(home, work)
        intention = {
            "snapshot_id": snapshot_id,
            "modes": {part: stat.S_IMODE((folder / part).stat().st_mode) for part in ("home", "work")},
            "snapshot": chains_to_json(chains),
            "devbox": chains_to_json(replace(chains, read_only=below.read_only)),
        }
        try:
            layers.chmod(0o711)
            with disk.locked(fcntl.LOCK_SH):
                write_json(folder / INTENTION, intention)
        except OSError:
            disk.drop_snapshot(snapshot_id)
            raise
        bring_to_end(disk, folder)
    finally:
        os.close(lock)


def _above(part: Path, name: str, below: tuple[str, ...]) -> tuple[str, ...]:
    """The layers with the box's own on top, unless it has changed nothing since the one below."""
    return below if below and _is_empty(part) else (name, *below)


def _is_empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except PermissionError:  # its solver has closed it
        return False


def bring_to_end(disk: "Disk", folder: Path) -> None:
    """Does what is written down for a devbox, as far as it has not been done; nothing where nothing is."""
    intention = read_json(folder / INTENTION)
    if intention is None:
        return
    about = read_json(folder / "devbox.json")
    if about is None:
        return
    old, new = chains_from_json(about), chains_from_json(intention["devbox"])
    for part, before, after in (("home", old.home, new.home), ("work", old.work, new.work)):
        if after != before and after:
            _move(disk, folder / part, disk.state / after[0], intention["modes"][part])
    with disk.locked(fcntl.LOCK_SH):
        snapshot = {"format": 1, LAY_IN: about["spec"]["working_directory"], **intention["snapshot"]}
        write_json(disk.state / "snapshots" / f"{intention['snapshot_id']}.json", snapshot)
        write_json(folder / "devbox.json", {**about, **intention["devbox"]})
        (folder / INTENTION).unlink()


def _move(disk: "Disk", part: Path, layer: Path, mode: int) -> None:
    """Moves a part of the box's disk away, and puts an empty one in its place, as open to its user as it was."""
    if not layer.exists():
        if not mode & stat.S_IWUSR:  # a directory that moves must be open to its owner
            part.chmod(mode | stat.S_IRWXU)
        part.rename(layer)
    if not mode & stat.S_IWUSR:
        layer.chmod(mode)
    if not part.exists():
        fresh = part.with_name(f"{part.name}.fresh")
        with contextlib.suppress(FileNotFoundError):
            fresh.rmdir()
        disk.make_owned(fresh, mode)
        fresh.rename(part)
