"""The driver's folder: what lies where, and who still needs it.

    devboxes/<id>/devbox.json    what it is made of: its spec, and the layers under its two parts
    devboxes/<id>/home, work     what it has changed since (an overlay's upper directories, owned by the box's user)
    devboxes/<id>/tmp            its temporary files
    devboxes/<id>/sealing.json   while its own layers become a snapshot's
    snapshots/<id>.json          the layers of a snapshot, its own on top
    removed/<id>.json            the same of a removed snapshot, while others are built on its layers
    layers/snapshot-<id>/        a snapshot's own layers: home and work
    layers/files-<key>/          files laid out in working directories, copied once
    tools/<key>/                 what the driver builds for all boxes
    trash/                       on its way out; a server that starts deletes what another one left

All of it lies one level below a folder that only the server's user can enter, because the box's user must be able to
go through it by names relative to it: an overlay takes no descriptors from outside its mount namespace.

Several servers share the folder. A name appears whole by a rename, or with the JSON file that makes it valid. Layers
are looked up and claimed under a shared lock, and given up under an exclusive one. Nothing here runs in the event loop.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runloop_mcp.api.errors import Conflict, InvalidRequest, NotFound
from runloop_mcp.devbox.port import DevboxSpec, Files

from .copying import COPIED, UNFILLED, Fill, begin_copy, refuse_layers
from .disk_failure import disk_failure
from .disk_locks import hold, is_locked
from .file_layers import SAFE_NAME, copy_for_box, layer_of_files
from .inside import trees
from .project_quotas import lift_left
from .records import (
    LAY_IN,
    Chains,
    chains_from_json,
    chains_to_json,
    read_json,
    spec_from_json,
    spec_to_json,
    write_json,
)
from .sealing import INTENTION, bring_to_end
from .subtree import work_below

PARTS = ("home", "work")
_FOLDERS = ("devboxes", "snapshots", "removed", "layers", "tools", "trash")
_LEFT_OVER_SECONDS = 3600.0
_MOST_LAYERS = 48


@dataclass(frozen=True, slots=True)
class Mounts:
    """A devbox's disk, as it is to be mounted."""

    spec: DevboxSpec
    disks: list[tuple[str, list[str], str, str]]
    """Where, the layers, the upper directory and the overlay's scratch; sources relative to the driver's folder."""
    read_only: list[tuple[str, list[str]]]
    """Where, and the layers that lie there."""
    copying: bool
    """Whether no overlay can be mounted, so that nothing lies in layers."""
    fill: Fill
    """What has to be copied before."""
    lock: int
    """Open and locked: whoever holds it holds the disk. The taker closes it once it has passed it on."""


class Disk:
    """The driver's folder. Every method may block and belongs in a thread.

    Args:
        state: A private folder; made where it is missing.
        owner: The user that boxes run as, and that their files belong to; None where that is the caller.
    """

    def __init__(self, state: Path, owner: int | None) -> None:
        self.private = state
        self.state = state / "sandbox"
        self.owner = owner
        self.prepared = False
        """Whether the folders are there."""
        self.copying = False
        """Whether overlays can't be mounted, or are not to be: new disks then are copies of what they are made of."""
        self._undeleted: set[str] = set()
        """What lies in the trash because it could not be deleted: for want of a descriptor, say."""

    def prepare(self) -> None:
        """Makes the folders."""
        self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.owner is not None:
            self.private.chmod(0o700)
        for folder in (self.state, *(self.state / name for name in _FOLDERS)):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711)
        self.prepared = True

    def empty_trash(self) -> None:
        """Deletes what a server that ended has left half deleted or half made; what is recent may be at work."""
        for leftover in (self.state / "trash").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - leftover.lstat().st_ctime > _LEFT_OVER_SECONDS:
                    self.delete("trash", leftover.name)

    @contextlib.contextmanager
    def locked(self, kind: int) -> Iterator[None]:
        """Holds the folder's lock: shared by who builds on layers, alone by who gives layers up."""
        with (self.state / "lock").open("w") as file:
            fcntl.flock(file, kind)
            yield

    # Devboxes

    def make_devbox(self, devbox_id: str, spec: DevboxSpec, copying: bool) -> Mounts:
        """Makes a new disk as specified, with `copying` one without layers, which the caller fills."""
        folder = self._folder("devboxes", devbox_id)
        self._empty(list(self._undeleted))
        while True:
            files = [spec.files, *(source for source in spec.read_only.values() if isinstance(source, Files))]
            laid_out = {source.key: self._lay_out(source) for source in files if source is not None}
            with self.locked(fcntl.LOCK_SH):
                # Layers that nothing is built on may be discarded; from here on one is built on these.
                if all((self.state / layer).is_dir() for layer in laid_out.values()):
                    return self._make_devbox(folder, spec, laid_out, copying)

    def _make_devbox(self, folder: Path, spec: DevboxSpec, files: dict[str, str], copying: bool) -> Mounts:
        devbox_id = folder.name
        home = self._snapshot_chains(spec.home_snapshot).home if spec.home_snapshot else ()
        of_work = self._snapshot_record(spec.work_snapshot) if spec.work_snapshot else None
        work = work_below(self.state, of_work, spec) if of_work else ()
        read_only = tuple(
            (at, (files[of.key],) if isinstance(of, Files) else self._snapshot_chains(of.snapshot_id).work)
            for at, of in spec.read_only.items()
        )
        chains = Chains(home, (files[spec.files.key], *work) if spec.files else work, read_only)
        if copying:
            refuse_layers(devbox_id, Chains(read_only=read_only))
        try:
            folder.mkdir(mode=0o711)
        except FileExistsError as error:
            raise Conflict(
                f"There is a devbox {devbox_id} already.", hint="Resume it, or choose another id.", retryable=False
            ) from error
        try:
            folder.chmod(0o711)
            for name, mode in (("home", 0o755), ("work", 0o755), ("tmp", 0o1777)):
                self.make_owned(folder / name, mode)
            for name in PARTS:
                self.make_owned(folder / f"{name}.scratch", 0o700)
            about = {"format": 1, "spec": spec_to_json(spec), **chains_to_json(chains)}
            chains, fill = begin_copy(self, folder, about, chains) if copying else (chains, [])
            write_json(folder / "devbox.json", about)
            return self._held_mounts(folder, spec, chains, fill, copied=copying)
        except BaseException as error:
            self._discard("devboxes", devbox_id)
            if isinstance(error, OSError):
                raise disk_failure(error, "The devbox's disk cannot be made") from error
            raise

    def _held_mounts(self, folder: Path, spec: DevboxSpec, chains: Chains, fill: Fill, *, copied: bool) -> Mounts:
        lock = self.hold(folder.name)
        try:
            return self._mounts(folder, spec, chains, lock, fill, copied=copied)
        except BaseException:
            os.close(lock)
            raise

    def make_owned(self, folder: Path, mode: int) -> None:
        """Makes a directory that belongs to the box's user."""
        folder.mkdir()
        if self.owner is not None:
            os.chown(folder, self.owner, self.owner)
        folder.chmod(mode)

    def open_devbox(self, devbox_id: str) -> Mounts:
        """The disk of a devbox that was made before."""
        folder = self._folder("devboxes", devbox_id)
        with self.locked(fcntl.LOCK_SH):
            about = read_json(folder / "devbox.json")
            if about is None or UNFILLED in about:
                raise NotFound(f"The disk of the devbox {devbox_id} is gone.", hint="Make a new devbox.")
            lock = self.hold(devbox_id)
        try:
            bring_to_end(self, folder)
            with self.locked(fcntl.LOCK_SH):
                about = read_json(folder / "devbox.json") or about
                spec, chains = spec_from_json(about["spec"]), chains_from_json(about)
                return self._mounts(folder, spec, chains, lock, copied=COPIED in about)
        except BaseException:
            os.close(lock)
            raise

    def hold(self, devbox_id: str) -> int:
        """Takes a devbox's disk, which one server at a time may use; returns the lock.

        Raises:
            Conflict: A live server holds it.
            NotFound: There is no such devbox.
        """
        try:
            lock = os.open(self._folder("devboxes", devbox_id) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError as error:
            raise NotFound(f"The disk of the devbox {devbox_id} is gone.", hint="Make a new devbox.") from error
        hold(lock, devbox_id)
        return lock

    def _mounts(
        self, folder: Path, spec: DevboxSpec, chains: Chains, lock: int, fill: Fill | None = None, *, copied: bool
    ) -> Mounts:
        base = f"devboxes/{folder.name}"
        parts = [
            ("home/user", chains.home, "home"),
            (spec.working_directory.strip("/"), chains.work, "work"),
            ("tmp", (), "tmp"),
        ]
        for layer in chains.layers():
            if not (self.state / layer).is_dir():
                raise NotFound(f"The layer {layer} under the devbox {folder.name} is gone.", hint="Make a new devbox.")
        if self.copying:
            refuse_layers(folder.name, chains)
        ordered = sorted(parts, key=lambda part: part[0].count("/"))
        return Mounts(
            spec,
            [(at, list(layers), f"{base}/{name}", f"{base}/{name}.scratch") for at, layers, name in ordered],
            [(at.strip("/"), list(layers)) for at, layers in chains.read_only],
            copying=self.copying or copied,
            fill=fill or [],
            lock=lock,
        )

    def remove_devbox(self, devbox_id: str) -> bool:
        """Deletes a disk whose box has ended, and the layers that only it still needed; whether there was one."""
        try:
            lock = self.hold(devbox_id)
        except NotFound:
            return False
        try:
            lift_left(self._folder("devboxes", devbox_id))
            self.give_up("devboxes", devbox_id)
        finally:
            os.close(lock)
        return True

    def drop_devbox(self, devbox_id: str) -> None:
        """Deletes a disk that was made for a devbox that never booted, and that nobody else knows of."""
        self._discard("devboxes", devbox_id)

    # Snapshots

    def begin_snapshot(self, devbox_id: str, snapshot_id: str) -> tuple[tuple[Any, ...], int]:
        """Makes the folder for a snapshot.

        Returns:
            The request to a keeper that fills it, and its lock: open until the snapshot is valid or given up.
        """
        below = self.chains_below(devbox_id)
        target, lock = self.new_layers(snapshot_id)
        try:
            target.chmod(0o711)
            for name in (*PARTS, "staging"):
                self.make_owned(target / name, 0o700)
        except OSError as error:
            self.drop_snapshot(snapshot_id)
            os.close(lock)
            raise disk_failure(error, "The snapshot cannot be made") from error
        from_, to = f"devboxes/{devbox_id}", f"layers/{target.name}"
        parts = [
            (f"{from_}/{name}", f"{to}/{name}", _merge(f"{from_}/{name}", layers))
            for name, layers in (("home", below.home), ("work", below.work))
        ]
        return ("copy", parts, f"{to}/staging"), lock

    def can_be_sealed(self, devbox_id: str) -> bool:
        """Whether another layer can go on top of a devbox's: it lies in layers, which need not be merged yet."""
        about = read_json(self._folder("devboxes", devbox_id) / "devbox.json") or {}
        below = self.chains_below(devbox_id)
        few = all(len(chain) < _MOST_LAYERS for chain in (below.home, below.work))
        return few and not self.copying and COPIED not in about

    def new_layers(self, snapshot_id: str) -> tuple[Path, int]:
        """Makes a snapshot's folder, in the place of one that a server was killed over; gives it, and its lock.

        Raises:
            Conflict: There is a snapshot with this id already.
            Unavailable: The disk refuses.
        """
        target = self._snapshot_layers(snapshot_id)
        try:
            return target, self._make_layers(target, snapshot_id)
        except OSError as error:
            raise disk_failure(error, "The snapshot cannot be made") from error

    def _make_layers(self, target: Path, snapshot_id: str) -> int:
        with self.locked(fcntl.LOCK_EX):
            records = (self._record(kind, snapshot_id) for kind in ("snapshots", "removed"))
            sealed = any(each["snapshot_id"] == snapshot_id for each in self._intentions())
            if any(record.exists() for record in records) or is_locked(target) or sealed:
                raise Conflict(
                    f"There is a snapshot {snapshot_id} already, or one that is still needed had this id.",
                    hint="Choose another id.",
                    retryable=False,
                )
            half_made = self.to_trash("layers", target.name)
            target.mkdir()
            lock = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if half_made is not None:
            self.delete("trash", half_made)
        return lock

    def chains_below(self, devbox_id: str) -> Chains:
        """The layers under a devbox's own.

        Raises:
            NotFound: There is no such devbox.
        """
        about = read_json(self._folder("devboxes", devbox_id) / "devbox.json")
        if about is None:
            raise NotFound(f"There is no devbox {devbox_id}.", hint="Its disk is gone; make a new devbox.")
        return chains_from_json(about)

    def finish_snapshot(self, devbox_id: str, snapshot_id: str) -> None:
        """Makes a copied snapshot valid."""
        layers = self._snapshot_layers(snapshot_id)
        (layers / "staging").rmdir()
        with self.locked(fcntl.LOCK_SH):
            below = self.chains_below(devbox_id)
            own = f"layers/{layers.name}"
            chains = Chains((f"{own}/home", *_kept(below.home)), (f"{own}/work", *_kept(below.work)))
            about = read_json(self._folder("devboxes", devbox_id) / "devbox.json") or {}
            record = {"format": 1, LAY_IN: about["spec"]["working_directory"], **chains_to_json(chains)}
            write_json(self._record("snapshots", snapshot_id), record)

    def drop_snapshot(self, snapshot_id: str) -> None:
        """Deletes what `begin_snapshot` made for a snapshot that failed."""
        self._discard("layers", self._snapshot_layers(snapshot_id).name)

    def has_snapshot(self, snapshot_id: str) -> bool:
        """Whether a snapshot is there, whole."""
        return self._record("snapshots", snapshot_id).exists()

    def remove_snapshot(self, snapshot_id: str) -> None:
        """Deletes a snapshot; layers that others are built on stay until nobody needs them."""
        record = self._record("snapshots", snapshot_id)
        with self.locked(fcntl.LOCK_EX):
            with contextlib.suppress(FileNotFoundError):
                record.rename(self._record("removed", snapshot_id))
            trash = self._collect()
            layers = self._snapshot_layers(snapshot_id).name
            # Gone by now, or one that was never finished, unless a devbox whose layers it is to have needs them.
            if not self._record("removed", snapshot_id).exists() and layers not in self.needed_layers():
                trash.append(self.to_trash("layers", layers))
        self._empty(trash)

    def _snapshot_chains(self, snapshot_id: str) -> Chains:
        return chains_from_json(self._snapshot_record(snapshot_id))

    def _snapshot_record(self, snapshot_id: str) -> dict[str, Any]:
        about = read_json(self._record("snapshots", snapshot_id))
        if about is None:
            raise NotFound(f"There is no snapshot {snapshot_id}.", hint="Make one with a snapshot of a devbox.")
        return about

    def _snapshot_layers(self, snapshot_id: str) -> Path:
        return self._folder("layers", f"snapshot-{snapshot_id}")

    def _record(self, kind: str, snapshot_id: str) -> Path:
        return self._folder(kind, f"{snapshot_id}.json")

    def collect(self) -> None:
        """Deletes the layers of removed snapshots that nothing is built on any more."""
        with self.locked(fcntl.LOCK_EX):
            trash = self._collect()
        self._empty(trash)

    def give_up(self, kind: str, name: str, *, in_use: Callable[[], bool] = lambda: False) -> bool:
        """Deletes something with the layers that only it still needed: nobody ever sees the one without the other.

        Args:
            kind: The folder that it is in.
            name: What it is called there.
            in_use: Asked when nobody else can begin to use it any more.

        Returns:
            Whether it is gone: it was not in use.
        """
        self._folder(kind, name)  # refuses a name that leads elsewhere
        with self.locked(fcntl.LOCK_EX):
            if in_use():
                return False
            trash = [self.to_trash(kind, name), *self._collect()]
        self._empty(trash)
        return True

    def _collect(self) -> list[str | None]:
        trash: list[str | None] = []
        removed = list((self.state / "removed").iterdir())
        needed = self.needed_layers() if removed else set()
        for record in removed:
            layers = f"snapshot-{record.stem}"
            if layers not in needed:
                trash.append(self.to_trash("layers", layers))
                record.unlink()
        return trash

    def _empty(self, trash: Iterable[str | None]) -> None:
        """Deletes what was put into the trash; what can't be deleted now is deleted with what comes next."""
        for name in trash:
            if name is not None:
                self._undeleted.add(name)
                with contextlib.suppress(OSError):
                    self.delete("trash", name)
                    self._undeleted.discard(name)

    def needed_layers(self) -> set[str]:
        """The names of the layers that devboxes and snapshots are built on."""
        return {layer.split("/")[1] for about in self.all_valid() for layer in chains_from_json(about).layers()}

    def all_valid(self) -> Iterator[dict[str, Any]]:
        """What every devbox and every snapshot that was not removed says of itself."""
        records = [folder / "devbox.json" for folder in (self.state / "devboxes").iterdir()]
        records += (self.state / "snapshots").glob("*.json")
        for record in records:
            if (about := read_json(record)) is not None:
                yield about
        for intention in self._intentions():
            yield intention["devbox"]

    def _intentions(self) -> Iterator[dict[str, Any]]:
        """What is being sealed, or was when a server was killed."""
        for folder in (self.state / "devboxes").iterdir():
            if (intention := read_json(folder / INTENTION)) is not None:
                yield intention

    # Layers of files

    def _lay_out(self, files: Files) -> str:
        """Copies files once for each key; returns the layer's name."""
        name = f"layers/{layer_of_files(files.key)}"
        target = self.state / name
        if target.is_dir():
            return name
        if not files.source.exists():
            raise NotFound(
                f"The files to lay out, {files.source}, are not there.", hint="Reinstall or mend the scenario."
            )
        fresh = self.state / "trash" / f"layer-{os.getpid()}-{os.urandom(8).hex()}"
        try:
            copy_for_box(files.source, fresh, self.owner)
            fresh.rename(target)
        except OSError as error:
            self._empty([fresh.name])
            if not target.is_dir():  # else another server was faster, with the same files
                raise disk_failure(error, "The scenario's files cannot be laid out") from error
        return name

    # Deleting

    def _discard(self, kind: str, name: str) -> None:
        self._folder(kind, name)  # refuses a name that leads elsewhere
        self._empty([self.to_trash(kind, name)])

    def to_trash(self, kind: str, name: str) -> str | None:
        """Takes something out of its place at once; gives its name in the trash, None where it was gone."""
        trash = f"{kind}-{os.getpid()}-{os.urandom(8).hex()}"
        try:
            (self.state / kind / name).rename(self.state / "trash" / trash)
        except FileNotFoundError:
            return None
        return trash

    def delete(self, kind: str, name: str) -> None:
        """Deletes a tree, whoever made it."""
        parent = os.open(self.state / kind, os.O_RDONLY | os.O_DIRECTORY)
        try:
            trees.remove(name, parent)
        finally:
            os.close(parent)

    def _folder(self, kind: str, name: str) -> Path:
        if not SAFE_NAME.fullmatch(name):
            raise InvalidRequest(f"{name!r} is no possible id.", hint="Letters, digits, '_', '-' and '.' make an id.")
        return self.state / kind / name


def _kept(below: tuple[str, ...]) -> tuple[str, ...]:
    """The layers that a snapshot goes on needing: none where there were so many that its copy merges them."""
    return () if len(below) >= _MOST_LAYERS else below


def _merge(own: str, below: tuple[str, ...]) -> list[str]:
    return [own, *below] if below and not _kept(below) else []
