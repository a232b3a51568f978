"""Control groups, where this server may make some: the kernel itself then holds a box to its limits, and counts that.

Version 1 as root, or version 2 where the server's own group passes the memory controller on to groups below it.
"""

import contextlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from runloop_mcp.devbox.port import LimitHit, Limits

_MOUNT = "/sys/fs/cgroup"
_PREFIX = "runloop-mcp-"
_PERIOD = 100_000
_NEW_SECONDS = 1.0
OWN_PROCESSES = 2
"""The keeper and the supervisor of a box, which count as well."""


@dataclass(frozen=True, slots=True)
class Controllers:
    """Where groups can be made: the same folder twice in version 2."""

    version: int
    memory: Path
    cpu: Path | None
    pids: Path | None

    def folders(self) -> set[Path]:
        """All of them."""
        return {folder for folder in (self.memory, self.cpu, self.pids) if folder is not None}


@dataclass(frozen=True, slots=True)
class Group:
    """One box's groups."""

    version: int
    folders: tuple[Path, ...]
    pids: Path | None
    """Which of them holds it to its number of processes, where one does."""
    cpu: Path | None
    """Which of them holds it to its share of processors, where one does."""

    def add(self, pid: int) -> None:
        """Puts a process in, and all that it will start."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def hits(self) -> dict[LimitHit, int]:
        """How often the kernel has ended a process of the box for its memory, and has refused it one more.

        Of processors, for how many seconds it has held processes back.
        """
        memory = "memory.oom_control" if self.version == 1 else "memory.events"
        found = {LimitHit.MEMORY: _count(self.folders[0] / memory, "oom_kill")}
        if self.pids is not None:
            found[LimitHit.PROCESSES] = _count(self.pids / "pids.events", "max")
        if self.cpu is not None:
            name, in_second = ("throttled_time", 10**9) if self.version == 1 else ("throttled_usec", 10**6)
            found[LimitHit.CPUS] = _count(self.cpu / "cpu.stat", name) // in_second
        return found

    def remove(self) -> None:
        """Deletes the groups of a box that has ended."""
        for folder in self.folders:
            with contextlib.suppress(OSError):  # not empty yet: the next server deletes it
                folder.rmdir()


def _count(file: Path, name: str) -> int:
    with contextlib.suppress(OSError):
        counted = re.search(rf"^{name} (\d+)", file.read_text(encoding="ascii"), re.MULTILINE)
        return int(counted[1]) if counted is not None else 0
    return 0


def find() -> Controllers | None:
    """Where groups can be made, found by making one; also deletes those that a killed server left."""
    for controllers in (_version_1(), _version_2()):
        if controllers is None:
            continue
        for folder in controllers.folders():
            _delete_left(folder)
        try:
            make(controllers, f"trial-{os.getpid()}", Limits(memory_bytes=1 << 30)).remove()
        except OSError:
            continue
        return controllers
    return None


def _delete_left(folder: Path) -> None:
    for left in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # in use by another server
            # A new one is empty until its box is put in.
            if time.time() - left.stat().st_ctime > _NEW_SECONDS:
                left.rmdir()


def remove_left(name: str) -> None:
    """Deletes the groups of a box whose server was killed, below whichever group that server was in."""
    group = f"{_PREFIX}{name}"
    for folder, names, _ in os.walk(_MOUNT):
        if group in names:
            with contextlib.suppress(OSError):  # not this server's to delete
                os.rmdir(f"{folder}/{group}")  # noqa: PTH106 - of a walk


def make(controllers: Controllers, name: str, limits: Limits) -> Group:
    """Makes a box's groups with its limits.

    Raises:
        OSError: The kernel refuses.
    """
    folders = [controllers.memory / f"{_PREFIX}{name}"]
    if controllers.cpu is not None and controllers.cpu != controllers.memory and limits.cpus is not None:
        folders.append(controllers.cpu / f"{_PREFIX}{name}")
    pids = controllers.pids / f"{_PREFIX}{name}" if controllers.pids is not None and limits.processes else None
    if pids is not None and pids not in folders:
        folders.append(pids)
    cpu = controllers.cpu / f"{_PREFIX}{name}" if controllers.cpu is not None and limits.cpus is not None else None
    group = Group(controllers.version, tuple(folders), pids, cpu)
    try:
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()  # left by a server that was killed with this box
            folder.mkdir()
        _set(controllers, group, limits)
    except OSError:
        group.remove()
        raise
    return group


def _set(controllers: Controllers, group: Group, limits: Limits) -> None:
    first = controllers.version == 1
    memory, processors = group.folders[0], group.cpu
    if limits.memory_bytes is not None:
        _write(memory / ("memory.limit_in_bytes" if first else "memory.max"), str(limits.memory_bytes))
        with contextlib.suppress(OSError):  # a kernel without swap accounting, or without swap
            _write(memory / ("memory.swappiness" if first else "memory.swap.max"), "0")
    if limits.cpus is not None and processors is not None:
        quota = max(1000, int(limits.cpus * _PERIOD))
        if first:
            _write(processors / "cpu.cfs_period_us", str(_PERIOD))
            _write(processors / "cpu.cfs_quota_us", str(quota))
        else:
            _write(processors / "cpu.max", f"{quota} {_PERIOD}")
    if group.pids is not None and limits.processes is not None:
        _write(group.pids / "pids.max", str(limits.processes + OWN_PROCESSES))


def _write(path: Path, value: str) -> None:
    path.write_text(value, encoding="ascii")


def _own_groups() -> dict[str, str]:
    """The groups of this process: by controller, and version 2's by the empty name."""
    groups = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _version_1() -> Controllers | None:
    groups = _own_groups()
    folders = {}
    for controller in ("memory", "cpu", "pids"):
        for mount in (controller, "cpu,cpuacct"):
            folder = Path(f"{_MOUNT}/{mount}{groups.get(controller, '')}")
            if controller in groups and controller in mount.split(",") and (folder / "cgroup.procs").exists():
                folders[controller] = folder
    if "memory" not in folders:
        return None
    return Controllers(1, folders["memory"], folders.get("cpu"), folders.get("pids"))


def _version_2() -> Controllers | None:
    folder = Path(f"{_MOUNT}{_own_groups().get('', '/')}")
    try:
        passed_on = (folder / "cgroup.subtree_control").read_text(encoding="ascii").split()
    except OSError:
        return None
    if "memory" not in passed_on:
        return None
    return Controllers(2, folder, folder if "cpu" in passed_on else None, folder if "pids" in passed_on else None)
