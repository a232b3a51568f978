"""How many devboxes this machine carries at once, from its processors and its memory."""

import os
from pathlib import Path

_FOR_EACH_CPU = 4
"""A devbox is idle most of the time, while a model thinks about its next command."""
_GIB = 1024**3
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container may use, by version of control groups; `max`, or more than there is, where nothing is limited."""


def devboxes_at_once() -> int:
    """The limit where none is set: four for each processor, and no more than there are GiB of memory; at least 2."""
    return max(2, min(_FOR_EACH_CPU * _cpus(), round(_memory_bytes() / _GIB)))


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int:
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([whole, *(limit for limit in map(_limit, _LIMITS) if limit is not None)])


def _limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
