"""Limits that no control group holds, watched for all boxes at once: resident memory, and what a box's disk takes.

Over its memory, a box loses its biggest process; over its disk, all of them. Between two looks a box can go beyond.
"""

import contextlib
import math
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import anyio
import anyio.to_thread

from runloop_mcp.devbox.port import LimitHit

from .limits import LimitHits

_MEMORY_SECONDS = 0.2
_DISK_SECONDS = 2.0
_DISK_SHARE = 20
"""How many times longer than a look at a disk took, the next one waits."""
_DISK_SLACK = 1 << 20
_MOST_KILLED = 10_000


class Watched(Protocol):
    """A box, as the watchdog sees it."""

    @property
    def alive(self) -> bool:
        """Whether it still runs."""

    async def disk_bytes(self) -> int:
        """What its disk takes."""

    @property
    def limits(self) -> LimitHits:
        """What it has run into."""

    async def kill_all(self, limit: LimitHit) -> None:
        """Notes that, and kills all of its processes."""


@dataclass(slots=True)
class _Watch:
    box: Watched
    supervisor: int
    memory_bytes: int | None
    disk_bytes: int | None
    next_disk: float
    disk_allowed: int | None
    """What it may take before it loses its processes: its limit, or a little more than what it took when it did; None:
    a little more than what the first look finds."""


class Watchdog:
    """Looks after boxes for as long as `run` runs."""

    def __init__(self) -> None:
        self._watches: list[_Watch] = []
        self._new = anyio.Event()

    def watch(
        self, box: Watched, supervisor: int, memory_bytes: int | None, disk_bytes: int | None, *, used_before: bool
    ) -> None:
        """Begins to look after a box; ends by itself when the box does.

        Args:
            box: The box.
            supervisor: The process id of its pid 1 on the host.
            memory_bytes: The most memory its processes may have; None where something else sees to it.
            disk_bytes: The most its disk may take; None for no limit.
            used_before: Whether its disk was in use before, so that it may be over its limit already.
        """
        if memory_bytes is None and disk_bytes is None:
            return
        allowed = None if used_before else disk_bytes
        self._watches.append(_Watch(box, supervisor, memory_bytes, disk_bytes, anyio.current_time(), allowed))
        self._new.set()

    async def run(self) -> None:
        """Looks, for ever; costs nothing while there is nothing to look after."""
        while True:
            self._watches = [watch for watch in self._watches if watch.box.alive]
            limits = {watch.supervisor: watch.memory_bytes for watch in self._watches if watch.memory_bytes is not None}
            if limits:
                over = await anyio.to_thread.run_sync(_hold_to_memory, limits)
                for watch in self._watches:
                    if watch.supervisor in over:
                        watch.box.limits.hit(LimitHit.MEMORY)
            for watch in list(self._watches):
                if watch.disk_bytes is not None and anyio.current_time() >= watch.next_disk:
                    await self._look_at_disk(watch, watch.disk_bytes)
            pause = _MEMORY_SECONDS if limits else _DISK_SECONDS / 4 if self._watches else math.inf
            with anyio.move_on_after(pause):
                await self._new.wait()
                self._new = anyio.Event()

    async def _look_at_disk(self, watch: _Watch, limit: int) -> None:
        began = anyio.current_time()
        watch.box.limits.look()
        used = await watch.box.disk_bytes()
        now = anyio.current_time()
        watch.next_disk = now + max(_DISK_SECONDS, _DISK_SHARE * (now - began))
        # Somebody has to be able to tidy up: what is there is borne then, and what is added to it is not.
        if used <= limit:
            watch.disk_allowed = limit
        elif watch.disk_allowed is None:
            watch.disk_allowed = used + _DISK_SLACK
        elif used > watch.disk_allowed:
            await watch.box.kill_all(LimitHit.DISK)
            watch.disk_allowed = await watch.box.disk_bytes() + _DISK_SLACK


def _hold_to_memory(limits: dict[int, int]) -> set[int]:
    """Kills the biggest process of each box that is over its limit, until it is not; returns which boxes were."""
    over = set()
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    for supervisor, limit in limits.items():
        sizes = {pid: _resident(pid) for pid in _below(supervisor, children)}
        total = sum(sizes.values())
        for pid in sorted(sizes, key=sizes.__getitem__, reverse=True)[:_MOST_KILLED]:
            if total <= limit:
                break
            over.add(supervisor)
            _kill(pid)
            total -= sizes[pid]
    return over


def _parents() -> Iterator[tuple[int, int]]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - a pass over all processes several times a second
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - likewise
                yield int(name), int(file.read().rpartition(b")")[2].split()[1])


def _below(supervisor: int, children: dict[int, list[int]]) -> Iterator[int]:
    waiting = list(children.get(supervisor, ()))
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, ())
        yield pid


def _resident(pid: int) -> int:
    """A process's own memory in bytes: not that of files which many share."""
    total = 0
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as file:  # noqa: PTH123 - see above
        for line in file:
            if line.startswith((b"RssAnon:", b"RssShmem:")):
                total += int(line.split()[1]) * 1024
    return total


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
