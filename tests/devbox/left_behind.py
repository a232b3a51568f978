"""What set-up may leave on a machine, so that two moments can be compared."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LeftBehind:
    """What there is at one moment."""

    processes: frozenset[int]
    """Everything below this process."""
    mounts: frozenset[str]
    """That this process sees of the driver's folder, or where roots of devboxes are built."""
    descriptors: int
    """That it has open."""
    entries: frozenset[str]
    """What lies in the driver's folder, but for what all devboxes share and what is kept: tools, files by their key."""
    groups: frozenset[str]
    """The control groups of devboxes that lie there."""


def gained(before: LeftBehind, after: LeftBehind) -> str:
    """What there is more at the second moment; nothing where that is nothing."""
    more = {
        "processes": after.processes - before.processes,
        "mounts": after.mounts - before.mounts,
        "descriptors": max(after.descriptors - before.descriptors, 0),
        "entries": after.entries - before.entries,
        "groups": after.groups - before.groups,
    }
    return ", ".join(f"{name}: {value}" for name, value in more.items() if value)


def left_behind(state: Path) -> LeftBehind:
    """What there is now."""
    entries = (str(path.relative_to(state)) for path in state.glob("sandbox/*/*"))
    return LeftBehind(
        frozenset(_below(os.getpid())),
        frozenset(_mounts(state)),
        len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a listing, not paths
        frozenset(entry for entry in entries if not entry.startswith(("sandbox/tools/", "sandbox/layers/files-"))),
        frozenset(_groups({path.name for path in state.glob("sandbox/devboxes/*")})),
    )


def _mounts(state: Path) -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place = line.split()[4]
        if str(state) in line or place in {"/tmp", "/mnt", "/run", "/srv", "/home"}:
            yield line


def _groups(devboxes: set[str]) -> Iterator[str]:
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        yield from (f"{folder}/{name}" for name in names if name.removeprefix("runloop-mcp-") in devboxes)


def _below(pid: int) -> Iterator[int]:
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _below(child)
