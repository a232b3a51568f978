"""Devboxes of namespaces and overlays on this machine, with nothing to install and no daemon."""

import contextlib
import dataclasses
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from weakref import WeakValueDictionary

import anyio
import anyio.abc
import anyio.to_thread

from runloop_mcp.api.errors import ApiError, Conflict, InvalidRequest, Unavailable
from runloop_mcp.devbox.port import Capability, Devbox, DevboxSpec, Driver, Finding, Kept, KeptKind, Limits
from runloop_mcp.devbox.to_the_end import to_the_end

if sys.platform == "linux":
    from . import cgroups, project_quotas
    from .arguments import environment_bytes
    from .copying import COPY_SECONDS, fill, why_no_overlays
    from .copying import finding as copying_finding
    from .devbox import SandboxDevbox
    from .diagnosis import explain
    from .disk import Disk, Mounts
    from .disk_failure import disk_failure, disk_failures
    from .disk_watch import DiskWatch, taken_below
    from .inventory import Inventory
    from .launch import Keeper, Refused
    from .plan import System, check_read_only, check_user, check_working_directory
    from .sealing import bring_to_end, seal
    from .supervised import ENVIRONMENT
    from .watchdog import Watchdog

BOX_USER = 60_978
"""The user that boxes run as where the server is root: in a range that no distribution hands out."""

_BOOT_SECONDS = 30.0

NOT_LINUX = Finding(
    "system",
    ok=False,
    detail="Local devboxes need Linux.",
    remedy="Run the server on Linux: in a virtual machine, or in a container as the README shows.",
)

DiskKind = Literal["auto", "overlay", "copy"]


class SandboxDriver(Driver):
    """Makes devboxes out of namespaces and overlays.

    Args:
        state: A private folder for disks, snapshots and tools; several servers may share it.
        disks: How disks are made of layers: `overlay` mounts them, `copy` copies, which takes as long as there is to
            copy, and `auto` copies where no overlay can be mounted.
    """

    name = "sandbox"

    def __init__(self, state: Path, *, disks: DiskKind = "auto") -> None:
        self._state = state
        self._disks = disks
        self._no_overlays = ""
        """Why disks are copied, where that was not asked for."""
        self._boxes: dict[str, SandboxDevbox] = {}
        self._turns: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
        """Of each devbox whose disk somebody here is about to take: they need not find out by its lock."""
        self._system: System | None = None
        self._preparing = anyio.Lock()
        self._probing = anyio.Lock()
        self._capability: Capability | None = None
        self._tasks: anyio.abc.TaskGroup | None = None
        self._left = False
        if sys.platform == "linux":
            self._owner = BOX_USER if os.geteuid() == 0 and _exists(BOX_USER) else None
            self._disk = Disk(state, self._owner)
            self._disk.copying = disks == "copy"
            self._inventory = Inventory(self._disk)
            self._watchdog = Watchdog()
            self._disk_watch = DiskWatch(partial(taken_below, self._disk.state))
            self._controllers: cgroups.Controllers | None = None
            self._quotas = False
            """Whether the file system can hold disks to their limits."""

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._tasks is not None  # noqa: S101 - entered before it is left
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as stopping:
                for box in list(self._boxes.values()):
                    stopping.start_soon(_stop_and_settle, box)
            self._left = True
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)  # the error of the block is no task's: it goes on unwrapped
        if self._system is not None:
            os.close(self._system.tools.held)
            self._system = None

    def _spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Runs what must go on when nobody waits for it; False once the driver has been left."""
        if self._tasks is None:
            raise RuntimeError("enter the driver before use")
        if not self._left:
            self._tasks.start_soon(work)
        return not self._left

    async def _folders(self) -> "Disk":
        """The driver's folder, made where it is missing."""
        if sys.platform != "linux":
            raise Unavailable(NOT_LINUX.detail, hint=NOT_LINUX.remedy)
        if not self._disk.prepared:
            try:
                await anyio.to_thread.run_sync(self._disk.prepare)
            except OSError as error:
                raise Unavailable(
                    f"The state folder cannot be used: {error.strerror} ({error.filename}).",
                    hint="Choose a folder that the server can write: --state-dir.",
                ) from error
        return self._disk

    async def _prepared(self) -> "System":
        disk = await self._folders()
        async with self._preparing:
            if self._system is None:
                self._controllers = await anyio.to_thread.run_sync(cgroups.find)
                self._quotas = await anyio.to_thread.run_sync(project_quotas.enforced, disk.state)
                self._system = await anyio.to_thread.run_sync(System.found, disk)
                self._spawn(self._clean)
                self._spawn(self._watchdog.run)
                self._spawn(self._disk_watch.run)
            return self._system

    async def _clean(self) -> None:
        await anyio.to_thread.run_sync(self._disk.empty_trash)

    async def probe(self) -> Capability:  # noqa: D102
        if self._capability is None:
            async with self._probing:
                if self._capability is None:
                    self._capability = await self._probe()
        return self._capability

    async def _probe(self) -> Capability:
        if sys.platform != "linux":
            return Capability(self.name, "none", [NOT_LINUX])
        from .probe import examine  # noqa: PLC0415 - only who asks pays for it

        return await examine(self._prepared, self.create, self.remove, self._settled)

    def _settled(self) -> Sequence[Finding]:
        disks = copying_finding(copying=self._disk.copying, refused=self._no_overlays)
        return [disks, self._limits_finding()]

    def _limits_finding(self) -> Finding:
        groups, found = "control groups", self._controllers
        memory = f"{groups} (version {found.version})" if found else "a watchdog, which fast growth overtakes a moment"
        held = {
            "memory": f"by {memory}",
            "processors": f"by {groups}" if found and found.cpu else "not at all",
            "processes": f"by {groups}" if found and found.pids else "by rlimit",
            "disk": "by project quotas" if self._quotas else "by a watchdog, within milliseconds",
            "open files": "by rlimit",
            "output": "by the server, which drops what is over its quota",
        }
        detail = "; ".join(f"{name} {how}" for name, how in held.items())
        return Finding("limits", ok=True, detail=detail, required=False)

    async def missing_programs(self, names: Sequence[str]) -> list[str]:  # noqa: D102
        if sys.platform != "linux":
            raise Unavailable(NOT_LINUX.detail, hint=NOT_LINUX.remedy)
        from .tools import LAID_OVER, missing_programs  # noqa: PLC0415 - a server's start need not pay for it

        # Lists of scenarios ask often, and before there was any devbox: the tools are built only where they decide.
        path = ENVIRONMENT["PATH"]
        missing = await anyio.to_thread.run_sync(missing_programs, names, path)
        if LAID_OVER.isdisjoint(missing):
            return missing
        return await anyio.to_thread.run_sync(missing_programs, names, path, (await self._prepared()).tools)

    async def create(self, devbox_id: str, spec: DevboxSpec) -> Devbox:  # noqa: D102
        with disk_failures("The devbox cannot be made"):
            return await to_the_end(self._create(devbox_id, spec), lambda box: self.remove(box.id))

    async def _create(self, devbox_id: str, spec: DevboxSpec) -> "SandboxDevbox":
        await self._prepared()
        if spec.image is not None:
            raise InvalidRequest(
                f"A sandbox devbox can't be made from the image {spec.image}: it shows this machine's system.",
                hint="Start the server with --devbox docker.",
            )
        environment_bytes(spec.environment)
        check_user(spec.user)
        working_directory = check_working_directory(spec.working_directory)
        spec = dataclasses.replace(
            spec,
            working_directory=working_directory,
            read_only={check_read_only(at, working_directory): source for at, source in spec.read_only.items()},
        )
        copying = self._disk.copying
        mounts = await anyio.to_thread.run_sync(self._disk.make_devbox, devbox_id, spec, copying)
        try:
            if copying:
                await self._fill(devbox_id, mounts)
            return await self._boot(devbox_id, mounts, used_before=False)
        except BaseException as error:
            await anyio.to_thread.run_sync(self._disk.drop_devbox, devbox_id)
            if copying or not await self._has_to_copy(error):
                raise
        return await self._create(devbox_id, spec)

    async def _fill(self, devbox_id: str, mounts: "Mounts") -> None:
        try:
            await fill(self._disk, devbox_id, mounts.fill, self._ask_a_keeper)
        except BaseException:
            os.close(mounts.lock)
            raise

    async def _has_to_copy(self, error: BaseException) -> bool:
        """Whether a boot failed because overlays can't be mounted here at all; then disks are copied from now on."""
        refused = error.__cause__
        if self._disks == "auto" and isinstance(refused, Refused) and "mount overlay" in str(refused):
            self._no_overlays = await why_no_overlays(self._disk, self._ask_a_keeper)
            self._disk.copying = bool(self._no_overlays)
        return self._disk.copying

    async def resume(self, devbox_id: str) -> Devbox:  # noqa: D102
        with disk_failures("The devbox cannot be resumed"):
            return await to_the_end(self._resume_in_turn(devbox_id), lambda box: box.stop())

    def _turn(self, devbox_id: str) -> anyio.Lock:
        return self._turns.setdefault(devbox_id, anyio.Lock())

    async def _resume_in_turn(self, devbox_id: str) -> "SandboxDevbox":
        async with self._turn(devbox_id):
            return await self._resume(devbox_id)

    async def _resume(self, devbox_id: str) -> "SandboxDevbox":
        if (known := self._boxes.get(devbox_id)) is not None:
            if known.alive:
                raise Conflict(f"The devbox {devbox_id} runs already.", hint="Use it as it is.", retryable=False)
            await known.stop()  # what ended a moment ago may still hold the disk
        await self._prepared()
        mounts = await anyio.to_thread.run_sync(self._disk.open_devbox, devbox_id)
        return await self._boot(devbox_id, mounts, used_before=True)

    async def _boot(self, devbox_id: str, mounts: "Mounts", *, used_before: bool) -> "SandboxDevbox":
        with contextlib.ExitStack() as lock:
            lock.callback(os.close, mounts.lock)
            system = await self._prepared()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                try:
                    keeper = Keeper(system.tools.code, self._disk.state)
                except BaseException:
                    ours.close()
                    raise
                box = SandboxDevbox(devbox_id, mounts.spec, ours, keeper, self._spawn)
                try:
                    with anyio.fail_after(_BOOT_SECONDS):
                        cap = box.limits.cap = await self._cap(devbox_id, mounts)
                        group = box.limits.group = await self._group(devbox_id, keeper, mounts.spec.limits)
                        counted = group is not None and group.pids is not None
                        make_plan = partial(system.plan, mounts, self._owner, processes_in_group=counted)
                        plan = await anyio.to_thread.run_sync(make_plan)
                        supervisor = await keeper.start(plan, [theirs.fileno(), mounts.lock])
                        lock.close()
                        theirs.close()
                        await box.ready()
                except BaseException as error:
                    await box.stop()
                    raise _boot_failure(error) from error
        limits = mounts.spec.limits
        if limits.memory_bytes is not None and group is None:
            self._watchdog.watch(box, supervisor, limits.memory_bytes)
        if limits.disk_bytes is not None and (cap is None or not cap.whole):
            self._disk_watch.watch(box, limits.disk_bytes, used_before=used_before)
        self._boxes[devbox_id] = box
        return box

    async def _cap(self, devbox_id: str, mounts: "Mounts") -> "project_quotas.DiskCap | None":
        """Has the file system hold a box's disk to its limit, where it can."""
        size = mounts.spec.limits.disk_bytes
        if not self._quotas or size is None:
            return None
        folder = self._disk.state / "devboxes" / devbox_id
        try:
            return await anyio.to_thread.run_sync(project_quotas.cap, folder, size)
        except OSError:  # taken away since it was tried: the watchdog is there
            return None

    async def _group(self, devbox_id: str, keeper: "Keeper", limits: Limits) -> "cgroups.Group | None":
        """Puts a keeper into a control group with the box's limits, where that is possible and asked for."""
        if self._controllers is None or (limits.memory_bytes is None and limits.cpus is None):
            return None
        try:
            group = await anyio.to_thread.run_sync(cgroups.make, self._controllers, devbox_id, limits)
            await anyio.to_thread.run_sync(group.add, keeper.pid)
        except OSError:  # taken away since it was tried: the watchdog is there
            return None
        return group

    async def snapshot(self, devbox_id: str, snapshot_id: str) -> None:  # noqa: D102
        with disk_failures("The snapshot cannot be made"):
            await to_the_end(self._snapshot(devbox_id, snapshot_id), lambda _: self.remove_snapshot(snapshot_id))

    async def _snapshot(self, devbox_id: str, snapshot_id: str) -> None:
        disk = await self._folders()
        async with self._turn(devbox_id):
            box = self._boxes.get(devbox_id)
            if box is None or not box.alive:
                await self._snapshot_stopped(disk, box, devbox_id, snapshot_id)
                return
        async with box.frozen():
            await self._copy(devbox_id, snapshot_id, box.keeper.request)

    async def _snapshot_stopped(
        self, disk: "Disk", box: "SandboxDevbox | None", devbox_id: str, snapshot_id: str
    ) -> None:
        if box is not None:
            await box.stop()  # what ended a moment ago may still write
        lock = await anyio.to_thread.run_sync(disk.hold, devbox_id)
        try:
            if not await anyio.to_thread.run_sync(_seal, disk, devbox_id, snapshot_id):
                await self._copy(devbox_id, snapshot_id, self._ask_a_keeper)
        finally:
            os.close(lock)

    async def _copy(self, devbox_id: str, snapshot_id: str, ask: Callable[[Any], Awaitable[int]]) -> None:
        """Makes a snapshot by a copy of what a devbox has changed, or of all of it where the layers are too many.

        Args:
            devbox_id: The devbox, which stands still.
            snapshot_id: The snapshot.
            ask: Has a keeper do it: the box's own, or one that is there for this alone.
        """
        request, lock = await anyio.to_thread.run_sync(self._disk.begin_snapshot, devbox_id, snapshot_id)
        try:
            with anyio.fail_after(COPY_SECONDS):
                await ask(request)
            await anyio.to_thread.run_sync(self._disk.finish_snapshot, devbox_id, snapshot_id)
        except BaseException as error:
            await anyio.to_thread.run_sync(self._disk.drop_snapshot, snapshot_id)
            if isinstance(error, Refused):
                raise disk_failure(OSError(error.number, os.strerror(error.number)), "The snapshot failed") from error
            if isinstance(error, TimeoutError):
                raise Unavailable(f"The snapshot took longer than {COPY_SECONDS:.0f} s.") from error
            raise
        finally:
            os.close(lock)

    async def _ask_a_keeper(self, request: Any) -> int:
        """Has one thing done by a keeper without a box, which has every right over the files of boxes."""
        system = await self._prepared()
        keeper = Keeper(system.tools.code, self._disk.state)
        try:
            await keeper.start(system.plan_without_box(self._owner), [])
            return await keeper.request(request)
        finally:
            await keeper.end()

    async def remove(self, devbox_id: str) -> None:  # noqa: D102
        box = self._boxes.get(devbox_id)
        if box is not None:
            await box.stop()
            self._boxes.pop(devbox_id, None)
        there = await anyio.to_thread.run_sync((await self._folders()).remove_devbox, devbox_id)
        if there and box is None:
            await anyio.to_thread.run_sync(cgroups.remove_left, devbox_id)

    async def has_snapshot(self, snapshot_id: str) -> bool:  # noqa: D102
        return await anyio.to_thread.run_sync((await self._folders()).has_snapshot, snapshot_id)

    async def remove_snapshot(self, snapshot_id: str) -> None:  # noqa: D102
        await anyio.to_thread.run_sync((await self._folders()).remove_snapshot, snapshot_id)

    async def kept(self) -> Sequence[Kept]:  # noqa: D102
        if sys.platform != "linux" or not self._disk.state.is_dir():
            return []
        await self._folders()
        return await anyio.to_thread.run_sync(self._inventory.listed)

    async def kept_bytes(self, kept: Kept) -> int:  # noqa: D102
        try:
            return await anyio.to_thread.run_sync(self._inventory.size, kept)
        except PermissionError:
            # Its solver closed a directory to the server's user as well.
            with contextlib.suppress(Refused, ApiError):
                return await self._ask_a_keeper(("size", [self._inventory.place(kept)], 0))
            return 0

    async def discard(self, kept: Kept) -> bool:  # noqa: D102
        await self._folders()
        gone = await anyio.to_thread.run_sync(self._inventory.discard, kept)
        if gone and kept.kind is KeptKind.DEVBOX:
            self._boxes.pop(kept.id, None)
            await anyio.to_thread.run_sync(cgroups.remove_left, kept.id)
        return gone


def _seal(disk: "Disk", devbox_id: str, snapshot_id: str) -> bool:
    """Makes a snapshot of a stopped devbox without copying, where that is possible; whether it was."""
    bring_to_end(disk, disk.state / "devboxes" / devbox_id)
    if not disk.can_be_sealed(devbox_id):
        return False
    try:
        seal(disk, devbox_id, snapshot_id)
    except OSError as error:
        raise disk_failure(error, "The snapshot cannot be made") from error
    return True


def _boot_failure(error: BaseException) -> BaseException:
    """What is told of a boot that failed."""
    if isinstance(error, Refused):
        found, remedy = explain(error.number, str(error))
        return Unavailable(f"The devbox cannot be booted: {found}.", hint=remedy)
    if isinstance(error, TimeoutError):
        return Unavailable(f"The devbox did not boot within {_BOOT_SECONDS:.0f} s.", retryable=True)
    return error


def _exists(user: int) -> bool:
    """Whether this user can be become: a root that is one in a user namespace only may have no other users."""
    ranges = (map(int, line.split()) for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines())
    return any(first <= user < first + count for first, _, count in ranges)


async def _stop_and_settle(box: "SandboxDevbox") -> None:
    await box.stop()
    await box.settle()
