"""The memory of boxes that no control group holds to its limit, watched for all of them at once.

Over it, a box loses its biggest process. Between two looks it can go beyond.
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
_MOST_KILLED = 10_000


class Watched(Protocol):
    """A box, as the watchdog sees it."""

    @property
    def alive(self) -> bool:
        """Whether it still runs."""

    @property
    def limits(self) -> LimitHits:
        """What it has run into."""


@dataclass(slots=True)
class _Watch:
    box: Watched
    supervisor: int
    memory_bytes: int


class Watchdog:
    """Looks after boxes for as long as `run` runs."""

    def __init__(self) -> None:
        self._watches: list[_Watch] = []
        self._new = anyio.Event()

    def watch(self, box: Watched, supervisor: int, memory_bytes: int) -> None:
        """Begins to look after a box; ends by itself when the box does.

        Args:
            box: The box.
            supervisor: The process id of its pid 1 on the host.
            memory_bytes: The most memory its processes may have.
        """
        self._watches.append(_Watch(box, supervisor, memory_bytes))
        self._new.set()

    async def run(self) -> None:
        """Looks, for ever; costs nothing while there is nothing to look after."""
        while True:
            self._watches = [watch for watch in self._watches if watch.box.alive]
            limits = {watch.supervisor: watch.memory_bytes for watch in self._watches}
            if limits:
                over = await anyio.to_thread.run_sync(_hold_to_memory, limits)
                for watch in self._watches:
                    if watch.supervisor in over:
                        watch.box.limits.hit(LimitHit.MEMORY)
            with anyio.move_on_after(_MEMORY_SECONDS if limits else math.inf):
                await self._new.wait()
                self._new = anyio.Event()


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
