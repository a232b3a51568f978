"""The devboxes that this server holds: each under its lock, booted when it is needed, and let go at the end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from runloop_mcp.api.errors import ApiError, Conflict, InvalidState, Unavailable
from runloop_mcp.api.models.mounts import Mount
from runloop_mcp.api.models.scenario import AfterIdle
from runloop_mcp.devbox.port import Devbox
from runloop_mcp.engine.devboxes.executions import Running
from runloop_mcp.engine.devboxes.places import Places
from runloop_mcp.engine.devboxes.shells import Shells
from runloop_mcp.engine.file_lock import FileLock
from runloop_mcp.engine.secrets.masking import NOTHING, Mask
from runloop_mcp.engine.store.runs import RunRow

logger = logging.getLogger(__name__)

_STOP_SECONDS = 5.0
_TURNS_FOR_THE_ANSWER = 5
"""Turns of the event loop that a boot leaves to whoever asked for it, so that the answer is out before the work."""


@dataclass(slots=True)
class Boot:
    """A boot under way, or done."""

    done: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    error: ApiError | None = None
    giving_up: bool = False
    """It has failed and is ending the devbox itself, so that nobody need stop it."""


@dataclass(slots=True)
class Held:
    """A devbox that this server holds."""

    id: str
    lock: FileLock
    fresh: bool = False
    """Made by this server just now, so that no other can have left anything of it behind."""
    box: Devbox | None = None
    boot: Boot | None = None
    running: dict[str, Running] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    """Variables for every command, values of secrets among them: never kept on disk."""
    mask: Mask = NOTHING
    """Covers those values, from the boot on."""
    shells: Shells = field(default_factory=Shells)
    commands: int = 0
    prepared: bool = False
    """Whether environment, mask and run are known: from the first boot on."""
    run: RunRow | None = None
    """The run as it stands: only this server can move it while it holds the devbox. None: it belongs to none."""
    mounts: list[Mount] = field(default_factory=list)
    """What is to be mounted into it at its launch, with tokens, which are kept nowhere else."""
    entrypoint: Running | None = None
    """The command that runs for as long as the devbox is up, where it has such a one."""
    news: list[str] = field(default_factory=list)
    """What the next execution should tell its caller."""
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Idempotency key → arguments and id of the execution that it started."""
    keyed: anyio.Lock = field(default_factory=anyio.Lock)
    """Held while a command with a key is started."""
    snapshots: int = 0
    """How many snapshots of it are being made."""
    snapshot_scopes: set[anyio.CancelScope] = field(default_factory=set)
    """Those in which they are made, to be cancelled by who gives them up."""
    stopping: bool = False
    suspending: bool = False
    """It is being stopped for a while only: whoever needs it waits until it is released, and resumes it."""
    released: anyio.Event = field(default_factory=anyio.Event)
    after_idle: AfterIdle | None = None
    """What happens to it when nobody uses it."""
    used_ms: int = 0
    """When it was last used, in UTC milliseconds."""
    idle_kept_ms: int | None = None
    """When its idle time is over, as it was last kept."""

    @property
    def run_id(self) -> str | None:
        """The run that the devbox belongs to; None before the first boot, and where it belongs to none."""
        return self.run.id if self.run else None

    def busy(self) -> bool:
        """Whether somebody's command runs on it, or a snapshot of it is being made."""
        return self.snapshots > 0 or any(running is not self.entrypoint for running in self.running.values())

    def is_ready(self) -> bool:
        """Whether commands can be started now."""
        return self.box is not None and self.box.alive and (self.boot is None or self.boot.done.is_set())


class DevboxKeeper:
    """Holds devboxes for this server.

    Args:
        folder: Where the locks are.
        places: Where a devbox that boots takes a place, and lets it go when it is down.
        boot: Boots a held devbox that has no living box, by making it or from its disk; sets `held.box`.
    """

    def __init__(self, folder: Path, places: Places, boot: Callable[[Held], Awaitable[None]]) -> None:
        self._folder = str(folder)
        self._places = places
        self._boot = boot
        self._held: dict[str, Held] = {}
        self._taking: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
        self.tasks: TaskGroup
        """The engine's task group; set before the first use."""

    def lock(self, devbox_id: str, *, taken: str = "This devbox is held by another runloop-mcp server") -> FileLock:
        """The lock of a devbox; `taken` is what they are told who come second."""
        return FileLock(
            f"{self._folder}/{devbox_id}.lock",
            taken=taken,
            hint="Go on with it there, or stop that server and call again.",
        )

    def get(self, devbox_id: str) -> Held | None:
        """The devbox, if this server holds it."""
        return self._held.get(devbox_id)

    def of_run(self, run_id: str) -> Held | None:
        """The devbox of a run, if this server holds it and has begun to boot it."""
        return next((held for held in self._held.values() if held.run_id == run_id), None)

    def all_held(self) -> list[Held]:
        """The devboxes that this server holds."""
        return list(self._held.values())

    async def hold(self, devbox_id: str) -> Held:
        """Takes hold of a devbox, without booting it.

        Raises:
            Conflict: Another server holds it.
        """
        if devbox_id in self._held:
            return self._held[devbox_id]
        taking = self._taking.setdefault(devbox_id, anyio.Lock())
        async with taking:
            if devbox_id not in self._held:
                lock = self.lock(devbox_id)
                await to_thread.run_sync(lock.acquire)
                self._held[devbox_id] = Held(devbox_id, lock)
            return self._held[devbox_id]

    def hold_new(self, devbox_id: str) -> Held:
        """Takes hold of a devbox that is just being made. Nobody knows of it yet, and a thread costs more than a file.

        Raises:
            OSError: The file of its lock can't be made.
        """
        lock = self.lock(devbox_id)
        lock.acquire()
        held = self._held[devbox_id] = Held(devbox_id, lock, fresh=True)
        return held

    async def ready(self, devbox_id: str, *, seconds: float = 20) -> Held:
        """The devbox, booted.

        Raises:
            Conflict: Another server holds it, or it is still queued or booting after so many seconds.
            ApiError: It can't be booted; the error says why.
        """
        held = await self.hold(devbox_id)
        if held.suspending:
            with anyio.move_on_after(seconds):
                await held.released.wait()
            held = await self.hold(devbox_id)
        if held.stopping:
            raise Conflict("The devbox is just being ended.", hint="Look at it again.", retry_after=1)
        if held.is_ready():
            return held
        boot = self.begin_boot(held)
        with anyio.move_on_after(seconds) as scope:
            await boot.done.wait()
        if scope.cancelled_caught:
            raise await self._not_yet(held)
        if boot.error is not None:
            raise boot.error
        if not held.is_ready():
            raise Unavailable("The devbox ended while it was booting.", hint="Call again.", retryable=True)
        return held

    async def _not_yet(self, held: Held) -> Conflict:
        """Why a devbox is not ready yet."""
        queue = await self._places.place(held.id) if self._places.waits(held.id) else None
        if queue is None:
            return Conflict("The devbox is still booting.", hint="Call again in a few seconds.", retry_after=1)
        return Conflict(
            f"The devbox is queued: place {queue.place} of {queue.length} in the queue.",
            hint="It boots when its turn comes. Runs that end and devboxes that are shut down make room.",
            retry_after=5,
        )

    def begin_boot(self, held: Held) -> Boot:
        """Boots a devbox in a task of the engine's, unless one is at it already; whoever waits may go away."""
        if held.boot is None or held.boot.done.is_set():
            held.boot = Boot()
            self._after_the_answer(_TURNS_FOR_THE_ANSWER, held, held.boot)
        return held.boot

    def _after_the_answer(self, turns: int, held: Held, boot: Boot) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._after_the_answer, turns - 1, held, boot)
        else:
            self.tasks.start_soon(self._carry_out, held, boot)

    async def _carry_out(self, held: Held, boot: Boot) -> None:
        try:
            with boot.scope:
                await self._boot(held)
            if boot.scope.cancelled_caught:
                boot.error = InvalidState("The devbox was ended while it was booting.", hint="Look at it again.")
        except ApiError as error:
            boot.error = error
        except Exception:
            # The boundary of a background task: one devbox's defect must not end the server.
            logger.exception("Booting devbox %s failed", held.id)
            boot.error = Unavailable("The devbox could not be booted: an error of ours, see the server's log.")
        finally:
            try:
                if boot.error is not None:
                    await self._drop(held)
                    await self._places.leave(held.id)
            finally:
                boot.done.set()

    @staticmethod
    async def _drop(held: Held) -> None:
        """Ends what a failed boot left: a devbox that is half set up must not be taken for one that is ready."""
        box, held.box = held.box, None
        if box is not None:
            with anyio.CancelScope(shield=True):
                await box.stop()

    async def stop(self, held: Held) -> None:
        """Ends the devbox's boot or its processes, and waits until their executions have been kept."""
        held.stopping = True
        boot = held.boot
        if boot is not None and not boot.done.is_set() and not boot.giving_up:
            boot.scope.cancel()
            await boot.done.wait()
        if held.box is not None:
            await held.box.stop()
        with anyio.move_on_after(_STOP_SECONDS):
            for running in list(held.running.values()):
                await running.done.wait()
        held.box = None
        await self._places.leave(held.id)

    async def release(self, held: Held, *, forget: bool) -> None:
        """Lets a devbox go; with `forget` for ever."""
        if self._held.get(held.id) is held:  # and not one that was taken since it was let go
            del self._held[held.id]
            # Shielded: a lock that nobody knows any more would keep everyone out, this server too.
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(lambda: held.lock.release(forget=forget))
        held.released.set()

    async def let_go(self, held: Held) -> None:
        """Releases a devbox that was only looked at, unless somebody has come for it meanwhile.

        Released under a boot, it would be booted a second time beside the first, on one disk.
        """
        used = held.is_ready() or held.boot is not None or held.snapshots > 0 or held.stopping
        if not used and self._held.get(held.id) is held:
            # In one go: who comes between the two would find its lock held, by nobody.
            del self._held[held.id]
            held.lock.release(forget=False)
            held.released.set()

    async def stop_all(self) -> None:
        """Stops everything; disks stay, and the locks are kept until `release_all`."""
        async with anyio.create_task_group() as group:
            for held in list(self._held.values()):
                group.start_soon(self.stop, held)

    async def release_all(self) -> None:
        """Lets everything go, so that another server can take it over."""
        for held in list(self._held.values()):
            await self.release(held, forget=False)
