"""A booted box of this machine: what its supervisor passes descriptors of, and what its keeper tells of its disk."""

import contextlib
import errno
import os
import posixpath
import socket
import stat
from functools import partial
from typing import ClassVar

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import HOME, DevboxSpec, FileData, Network, Observation

from .channel import Channel
from .files import file_failure, read, write
from .launch import Keeper, Refused
from .limits import ENTRY_BYTES
from .plan import GUARDED_PLACE
from .process import Spawn
from .results import Results
from .supervised import SupervisedDevbox

_MAX_CHANGED = 10_000


class SandboxDevbox(SupervisedDevbox):
    """A box on this machine, whose supervisor answers on a socket and passes descriptors of what it has opened.

    Args:
        devbox_id: Its id.
        spec: What it is made of.
        supervisor: The socket, owned from now on.
        keeper: The process beside it.
        spawn: Runs what must go on when nobody waits.
    """

    guarded: ClassVar = {"/bin/bash": f"/{GUARDED_PLACE}/bash"}

    def __init__(
        self, devbox_id: str, spec: DevboxSpec, supervisor: socket.socket, keeper: Keeper, spawn: Spawn
    ) -> None:
        self.keeper = keeper
        super().__init__(devbox_id, spec, partial(Channel, supervisor), spawn)

    async def _clean_up(self) -> None:
        await self.keeper.end()
        if (group := self.limits.group) is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(group.remove)
        if (cap := self.limits.cap) is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(cap.lift)

    # Files

    async def read_file(self, path: str, *, offset: int = 0, limit: int | None = None) -> FileData:  # noqa: D102 - see the port
        opened = await self._open("read", path)
        return await anyio.to_thread.run_sync(read, opened, path, offset, limit)

    async def write_file(self, path: str, data: bytes, *, mode: int | None = None) -> None:  # noqa: D102 - see the port
        async with self._gate.change():
            if (cap := self.limits.cap) is not None and not cap.has_room(len(data)):
                raise file_failure(errno.EDQUOT, path, "write")
            opened = await self._open("write", path)
            await anyio.to_thread.run_sync(write, opened, path, data, mode)

    async def _open(self, operation: str, path: str) -> int:
        word, number, opened = await self._ask(operation, self._path(path))
        if word != "opened" or opened is None:
            if opened is not None:
                os.close(opened)
            raise file_failure(number, path, operation)
        if not stat.S_ISREG(os.fstat(opened).st_mode):  # the box is not trusted to have looked
            os.close(opened)
            raise file_failure(errno.ENXIO, path, operation)
        return opened

    async def disk_bytes(self) -> int | None:
        """What its own changes, home, working directory and temporary files, take on the disk; 0 once it has ended.

        Each file counts a little beside its contents. None where its directories were moved while they were looked at.
        """
        parts = [f"devboxes/{self.id}/{name}" for name in ("home", "work", "tmp")]
        try:
            return await self.keeper.request(("size", parts, ENTRY_BYTES))
        except Refused:
            return None
        except Unavailable:
            return 0

    async def shared_memory_bytes(self) -> int:
        """What its processes hold in memory that may be none's own; 0 once it has ended."""
        try:
            return await self.keeper.request(("shared-memory",))
        except (Refused, Unavailable):
            return 0

    async def free_shared_memory(self) -> None:
        """Frees the memory of that kind that nobody uses any more."""
        with contextlib.suppress(Refused, Unavailable):
            await self.keeper.request(("free-shared-memory",))

    async def observe(self, *, since_ns: int) -> Observation:  # noqa: D102 - see the port
        with Results() as results:
            word, _, _ = await self._ask("observe", descriptors=[results.descriptor])
            seen = await anyio.to_thread.run_sync(results.strings)
        unreachable, lookups, *names = seen if word == "done" and len(seen) > 1 else ["", ""]
        counted = word == "done" and self.spec.network is Network.NONE
        home, work = f"devboxes/{self.id}/home", f"devboxes/{self.id}/work"
        inside = posixpath.relpath(self.spec.working_directory, HOME)
        in_home, more_in_home = await self._changed(home, since_ns, inside)
        in_work, more_in_work = await self._changed(work, since_ns, "")
        return Observation(
            processes=names if word == "done" else None,
            unreachable=int(unreachable) if counted else None,
            lookups=int(lookups) if counted else None,
            changed_in_home=in_home,
            changed_in_work=in_work,
            truncated=more_in_home or more_in_work,
        )

    async def _changed(self, folder: str, since_ns: int, passed_over: str) -> tuple[list[str] | None, bool]:
        with Results() as results:
            try:
                request = ("changed", folder, since_ns, _MAX_CHANGED, passed_over)
                more = await self.keeper.request(request, [results.descriptor])
            except Refused:
                return None, False
            return await anyio.to_thread.run_sync(results.strings), bool(more)
