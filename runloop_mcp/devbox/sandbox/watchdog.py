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
from anyio.abc import TaskGroup

from runloop_mcp.devbox.port import LimitHit

from .limits import LimitHits

_MEMORY_SECONDS = 0.2
_MORE_SHARED = 8 << 20
"""So much more of it on the whole host, and boxes are asked for their part."""
_MOST_KILLED = 10_000

_Sizes = dict[int, tuple[int, int]]
"""Of each process of a box, its own memory in bytes, and what of its memory is shared."""


class Watched(Protocol):
    """A box, as the watchdog sees it."""

    @property
    def alive(self) -> bool:
        """Whether it still runs."""

    @property
    def limits(self) -> LimitHits:
        """What it has run into."""

    async def shared_memory_bytes(self) -> int:
        """What it has of memory that may be no process's own."""

    async def free_shared_memory(self) -> None:
        """Frees what of that nobody uses any more."""


@dataclass(slots=True)
class _Watch:
    box: Watched
    supervisor: int
    memory_bytes: int
    shared_bytes: int = 0
    asked: bool = False
    """Whether its answer is still to come."""


class Watchdog:
    """Looks after boxes for as long as `run` runs."""

    def __init__(self) -> None:
        self._watches: list[_Watch] = []
        self._new = anyio.Event()
        self._shared_on_host = 0
        """When boxes were asked for their part of it last."""

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
        async with anyio.create_task_group() as asking:
            while True:
                self._watches = [watch for watch in self._watches if watch.box.alive]
                if self._watches:
                    with contextlib.suppress(OSError):  # the server lacks descriptors: the next look is soon
                        await self._look(asking)
                with anyio.move_on_after(_MEMORY_SECONDS if self._watches else math.inf):
                    await self._new.wait()
                    self._new = anyio.Event()

    async def _look(self, asking: TaskGroup) -> None:
        more = await self._more_shared_on_host()
        boxes = await anyio.to_thread.run_sync(_sizes, [watch.supervisor for watch in self._watches])
        for watch in self._watches:
            sizes = boxes.get(watch.supervisor, {})
            _judge(watch, sizes, 0)
            if (more or watch.shared_bytes) and not watch.asked:
                watch.asked = True
                asking.start_soon(_ask, watch, sizes)

    async def _more_shared_on_host(self) -> bool:
        """Whether boxes may have more of it than they had: those that have none are asked only then."""
        now = await anyio.to_thread.run_sync(_shared_on_host)
        more = now > self._shared_on_host + _MORE_SHARED
        if more or now < self._shared_on_host:
            self._shared_on_host = now
        return more


async def _ask(watch: _Watch, sizes: _Sizes) -> None:
    """Asks a box, in a task of its own: what else its keeper has to do holds up no other box.

    The processes were looked at before. One that began once the memory of others was free again is either not among
    them, or the answer no longer counts that memory; with an older answer it would be killed for it.
    """
    try:
        watch.shared_bytes = await watch.box.shared_memory_bytes()
        if watch.shared_bytes and _judge(watch, sizes, watch.shared_bytes):
            await watch.box.free_shared_memory()
    finally:
        watch.asked = False


def _judge(watch: _Watch, sizes: _Sizes, shared: int) -> bool:
    """Kills what a box has too much of; returns whether it had."""
    over = _too_much(sizes, watch.memory_bytes, shared)
    if over is None:
        return False
    watch.box.limits.hit(LimitHit.MEMORY)  # before the kill: a command that ends of it asks at once
    for pid in over:
        _kill(pid)
    return True


def _shared_on_host() -> int:
    with open("/proc/meminfo", "rb") as file:  # noqa: PTH123 - see below
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"Shmem:")), 0)


def _sizes(supervisors: list[int]) -> dict[int, _Sizes]:
    """What the processes of each box have of memory."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    return {supervisor: {pid: _resident(pid) for pid in _below(supervisor, children)} for supervisor in supervisors}


def _too_much(sizes: _Sizes, limit: int, shared: int) -> list[int] | None:
    """The biggest processes of a box that is over its limit, without which it would not be; None where it is not.

    Args:
        sizes: Its processes.
        limit: How much it may have, in bytes.
        shared: How much it has that may be no process's own.
    """
    own, mapped = (sum(size[part] for size in sizes.values()) for part in (0, 1))
    over = []
    for pid in sorted(sizes, key=lambda pid: sum(sizes[pid]), reverse=True)[:_MOST_KILLED]:
        # What is shared and mapped is seen in both ways.
        if own + max(mapped, shared) <= limit:
            break
        over.append(pid)
        own, mapped = own - sizes[pid][0], mapped - sizes[pid][1]
    return over if over or shared > limit else None  # also where nobody is left that could be killed for it


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


def _resident(pid: int) -> tuple[int, int]:
    """A process's memory in bytes, its own and what of it is shared memory: not that of files which many share."""
    found = {b"RssAnon": 0, b"RssShmem": 0}
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as file:  # noqa: PTH123 - see above
        for line in file:
            name, _, size = line.partition(b":")
            if name in found:
                found[name] = int(size.split()[0]) * 1024
    return found[b"RssAnon"], found[b"RssShmem"]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
