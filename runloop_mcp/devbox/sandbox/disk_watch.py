"""What boxes' disks take, watched for all boxes at once.

The file system tells at no cost how much of it is taken. So it is asked often, and a box's own disk is measured, which
means to walk it, only when as much has gone as could bring that box near its limit. A box that may be over it stands
still while it is measured, however long that takes.
"""

import contextlib
import math
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import LimitHit

from .limits import ENTRY_BYTES, LimitHits

_SLACK = 1 << 20
_LOOK_SECONDS = 2.0
"""A box is measured at least so often while anybody writes, since what others delete hides what it writes."""
_LEFT_ALONE = (1, 4, 20)
"""How many times longer than it took to measure a box, it is then left alone: when it may be over its limit, when it
may be half way there, and else. It may be that all of this is written by somebody else."""
_FASTEST = 4e9
"""Bytes in a second: faster than anybody writes."""
_SHORTEST, _SHORTEST_IDLE, _LONGEST = 0.005, 0.02, 0.5
_LONGEST_OVER, _LONGEST_NEAR = 2.0, 10.0


class Watched(Protocol):
    """A box, as the watchdog sees it."""

    @property
    def alive(self) -> bool:
        """Whether it still runs."""

    @property
    def limits(self) -> LimitHits:
        """What it has run into."""

    async def disk_bytes(self) -> int | None:
        """What its disk takes; None where that can't be told, such as while its directories are moved about."""

    def halted(self) -> AbstractAsyncContextManager[None]:
        """A block in which none of its processes runs."""

    async def kill_all(self, limit: LimitHit) -> None:
        """Notes that, and kills all of its processes."""


@dataclass(slots=True)
class _Watch:
    box: Watched
    limit: int
    allowed: int | None
    """What it may take before it loses its processes: its limit, or a little more than what it took when it did; None:
    a little more than what the first look finds."""
    used: int = 0
    """What it took when it was measured last."""
    taken: int = 0
    """What was taken of the whole file system just before that."""
    looked: float = 0.0
    """When that was done."""
    took: float = 0.0
    """How long that took."""
    unmeasured: bool = False
    """Whether the last look failed: then it stands still for the next one."""
    busy: bool = False
    """Whether it is being measured."""

    def headroom(self, taken: int) -> int:
        """How much it can still write at least, when so much of the file system is taken."""
        return (self.allowed or 0) - self.used - max(taken - self.taken, 0)

    def near(self, taken: int) -> bool:
        """Whether it may have used up half of what it had left."""
        return self.headroom(taken) <= ((self.allowed or 0) - self.used) / 2


class DiskWatch:
    """Looks after the disks of boxes for as long as `run` runs.

    Args:
        taken: Tells how many bytes of the file system are taken that they lie on; called in a thread. Where nobody
            knows, one more with every call: then each is measured as often as that takes little of the time.
    """

    def __init__(self, taken: Callable[[], int]) -> None:
        self._taken = taken
        self._watches: list[_Watch] = []
        self._new = anyio.Event()

    def watch(self, box: Watched, limit: int, *, used_before: bool) -> None:
        """Begins to look after a box; ends by itself when the box does.

        Args:
            box: The box.
            limit: The most bytes its disk may take.
            used_before: Whether its disk was in use before, so that it may be over its limit already.
        """
        self._watches.append(_Watch(box, limit, None if used_before else limit))
        self._new.set()

    async def run(self) -> None:
        """Looks, for ever; costs nothing while there is nothing to look after."""
        before = taken = 0
        async with anyio.create_task_group() as looks:
            while True:
                self._watches = [watch for watch in self._watches if watch.box.alive]
                pause = math.inf
                if self._watches:
                    with contextlib.suppress(OSError):  # the server lacks descriptors: the next look is soon
                        taken = await anyio.to_thread.run_sync(self._taken)
                    for watch in self._watches:
                        if not watch.busy and anyio.current_time() >= _due(watch, taken):
                            watch.busy = True
                            looks.start_soon(self._look, watch, taken)
                    least = min((watch.headroom(taken) for watch in self._watches if not watch.busy), default=math.inf)
                    shortest = _SHORTEST if taken > before else _SHORTEST_IDLE
                    pause = min(max(least / 2 / _FASTEST, shortest), _LONGEST)
                    before = taken
                with anyio.move_on_after(pause):
                    await self._new.wait()
                if self._new.is_set():
                    self._new = anyio.Event()

    async def _look(self, watch: _Watch, taken: int) -> None:
        """Measures a box, which stands still meanwhile where it may be on its way over its limit."""
        try:
            with contextlib.suppress(Unavailable, OSError):  # it has ended meanwhile, or the server lacks descriptors
                if watch.unmeasured or (watch.used and watch.near(taken)):
                    async with watch.box.halted():
                        await self._measure(watch)
                else:
                    await self._measure(watch)
        finally:
            watch.busy = False
            self._new.set()

    async def _measure(self, watch: _Watch) -> None:
        began = anyio.current_time()
        watch.taken = await anyio.to_thread.run_sync(self._taken)
        watch.box.limits.look()
        used = await watch.box.disk_bytes()
        watch.looked = anyio.current_time()
        watch.took = watch.looked - began
        watch.unmeasured = used is None
        if used is None:
            return
        watch.used = used
        # Somebody has to be able to tidy up: what is there is borne then, and what is added to it is not.
        if used <= watch.limit:
            watch.allowed = watch.limit
        elif watch.allowed is None:
            watch.allowed = used + _SLACK
        elif used > watch.allowed:
            await watch.box.kill_all(LimitHit.DISK)
            watch.used = await watch.box.disk_bytes() or 0
            watch.allowed = watch.used + _SLACK


def _due(watch: _Watch, taken: int) -> float:
    """When a box is to be measured, as things stand."""
    over, near, far = (times * watch.took for times in _LEFT_ALONE)
    if watch.unmeasured:
        return watch.looked + min(over, _LONGEST)
    if not watch.used:
        return 0.0
    # Bounded, because it may have taken long only for what it had to wait for, such as a copy.
    if watch.headroom(taken) <= 0:
        return watch.looked + min(over, _LONGEST_OVER)
    if watch.near(taken):
        return watch.looked + min(near, _LONGEST_NEAR)
    return watch.looked + max(far, _LOOK_SECONDS) if taken != watch.taken else math.inf


def taken_below(folder: Path) -> int:
    """How many bytes of a file system are taken, its files counted as in a box."""
    about = os.statvfs(folder)
    return (about.f_blocks - about.f_bfree) * about.f_frsize + (about.f_files - about.f_ffree) * ENTRY_BYTES
