"""Devboxes of the Runloop API: it makes, boots and keeps them; what runs in them is driven from here, by an agent."""

import contextlib
import dataclasses
import hashlib
import logging
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
import anyio.to_thread
from pydantic import SecretStr

from runloop_mcp.api.errors import ApiError, Conflict, InvalidRequest, NotFound, Unauthorized, Unavailable
from runloop_mcp.devbox.background import Background
from runloop_mcp.devbox.docker.locks import Locks
from runloop_mcp.devbox.docker.names import Names, check_id
from runloop_mcp.devbox.docker.programs import Programs
from runloop_mcp.devbox.port import Capability, Devbox, DevboxSpec, Driver, Kept, KeptKind
from runloop_mcp.devbox.sandbox.arguments import environment_bytes
from runloop_mcp.devbox.sandbox.disk_failure import disk_failures
from runloop_mcp.devbox.sandbox.plan import check_read_only, check_user, check_working_directory
from runloop_mcp.devbox.sandbox.process import Spawn
from runloop_mcp.devbox.to_the_end import to_the_end

from . import DEFAULT_KEEP_ALIVE_SECONDS, HOSTED, NO_KEY
from .missing import gone
from .records import DevboxRecord, Records

if TYPE_CHECKING:
    from runloop_mcp.client.retries import RetryPolicy
    from runloop_mcp.client.runloop_client import RunloopClient

    from .devbox import RunloopDevbox

_log = logging.getLogger(__name__)

_SHUTDOWN_SECONDS = 120.0
_LEAVE_SECONDS = 60.0
_EXTENDED_PER_LIFE = 4
"""How often a devbox is kept alive within the time that it would live."""
_FOLDER = "/tmp/.rlmcp-"  # noqa: S108 - in a devbox


class _Connected:
    """What a driver has once it speaks to the API."""

    def __init__(self, client: "RunloopClient", names: Names, records: Records, locks: Locks, spawn: Spawn) -> None:
        from .booting import Boots  # noqa: PLC0415 - only who uses devboxes pays for it
        from .inventory import Inventory  # noqa: PLC0415
        from .snapshots import Snapshots  # noqa: PLC0415

        self.client = client
        self.state = names.state
        self.records = records
        self.locks = locks
        self.boots = Boots(client, records, spawn)
        self.snapshots = Snapshots(client, records)
        self.inventory = Inventory(client, names.state, records, locks, self.snapshots)


class RunloopDriver(Driver):
    """Makes devboxes at Runloop.

    Args:
        state: A private folder, which several servers may share; what is kept at Runloop carries its id.
        base_url: Where the API is.
        key: What it is used with.
        blueprint: The id or name of the blueprint that devboxes are made from; None: Runloop's own image.
        keep_alive_seconds: After so long without a word from a server Runloop shuts a devbox down.
        policy: How hard requests are tried.
    """

    name = "runloop"
    paid = True

    def __init__(
        self,
        state: Path,
        base_url: str = HOSTED,
        key: SecretStr | None = None,
        *,
        blueprint: str | None = None,
        keep_alive_seconds: int = DEFAULT_KEEP_ALIVE_SECONDS,
        policy: "RetryPolicy | None" = None,
    ) -> None:
        self._state = state / "runloop"
        self.base_url = base_url.rstrip("/")
        self.key = key
        self.blueprint = blueprint
        self._keep_alive_seconds = keep_alive_seconds
        self._policy = policy
        self._boxes: dict[str, RunloopDevbox] = {}
        self._being_made: set[str] = set()
        """Devboxes and snapshots."""
        self._records = Records(self._state)
        self._connected: _Connected | None = None
        self._connecting = anyio.Lock()
        self._probing = anyio.Lock()
        self._capability: Capability | None = None
        self._programs = Programs(self._state / "programs")
        self._background = Background()

    async def __aenter__(self) -> Self:
        await self._background.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._background.stop(self._boxes.values(), within_seconds=_LEAVE_SECONDS)
            if self._connected is not None:
                await self._connected.client.__aexit__(None, None, None)
                self._connected = None
        await self._background.leave()

    async def _ready(self) -> _Connected:
        """Speaks to the API, at the first time, and has what servers that died left there cost nothing.

        Raises:
            Unavailable: It does not answer, or the state folder can't be used.
            Unauthorized: The key is not good.
        """
        async with self._connecting:
            if self._connected is None:
                from runloop_mcp.client.runloop_client import RunloopClient  # noqa: PLC0415 - heavy, and only here

                if self.key is None and self.base_url == HOSTED:
                    raise Unauthorized("There is no key for the Runloop API.", hint=NO_KEY)
                client = RunloopClient(self.base_url, self.key, policy=self._policy)
                await client.__aenter__()
                try:
                    with disk_failures("The state folder cannot be used"):
                        names = await anyio.to_thread.run_sync(Names.of, self._state)
                    ready = _Connected(
                        client, names, self._records, Locks(self._state / "locks"), self._background.spawn
                    )
                    await ready.inventory.settle()
                except BaseException:
                    await client.__aexit__(None, None, None)
                    raise
                self._connected = ready
                self._background.spawn(self._keep_alive)
            return self._connected

    async def _keep_alive(self) -> None:
        """Has the devboxes that are used here live on."""
        while True:
            await anyio.sleep(self._keep_alive_seconds / _EXTENDED_PER_LIFE)
            for box in [box for box in self._boxes.values() if box.alive]:
                record = await anyio.to_thread.run_sync(self._records.devbox, box.id)
                if self._connected is None or record is None:
                    continue
                try:
                    await self._connected.client.devboxes.keep_alive(record.cloud_id)
                except ApiError as error:  # asked again in a while; it lives for longer than that
                    _log.warning("The devbox %s could not be kept alive: %s", box.id, error.message)

    async def probe(self) -> Capability:  # noqa: D102 - see the port
        async with self._probing:
            # What was missing may be there now, such as the network.
            if self._capability is None or not self._capability.available:
                from .probe import examine  # noqa: PLC0415 - only who asks pays for it

                self._capability = await examine(self)
            return self._capability

    async def greet(self) -> None:
        """Asks the API for something that any key may have.

        Raises:
            Unauthorized: The key is not good.
            Unavailable: Nobody answers.
        """
        from runloop_mcp.api.models.devbox import DevboxListParams  # noqa: PLC0415
        from runloop_mcp.client.runloop_client import RunloopClient  # noqa: PLC0415

        async with RunloopClient(self.base_url, self.key, policy=self._policy) as client:
            await client.devboxes.list(DevboxListParams(limit=1))

    async def missing_programs(self, names: Sequence[str]) -> list[str]:  # noqa: D102 - see the port
        if not names:
            return []
        base = _base_of(self.base_url, self.blueprint)
        found = await self._programs.of(base, self)
        return [name for name in names if name not in found.names]

    # Devboxes

    async def create(self, devbox_id: str, spec: DevboxSpec) -> Devbox:  # noqa: D102 - see the port
        check_id(devbox_id)
        if devbox_id in self._being_made or devbox_id in self._boxes:
            raise _taken(devbox_id)
        self._being_made.add(devbox_id)
        try:
            with disk_failures("The devbox cannot be made"):
                return await to_the_end(self._create(devbox_id, _checked(spec)), lambda box: self.remove(box.id))
        finally:
            self._being_made.discard(devbox_id)

    async def _create(self, devbox_id: str, spec: DevboxSpec) -> "RunloopDevbox":
        from .layout import missing  # noqa: PLC0415

        ready = await self._ready()
        await anyio.to_thread.run_sync(missing, spec, self._records)
        if await anyio.to_thread.run_sync(self._records.devbox, devbox_id) is not None:
            raise _taken(devbox_id)
        try:
            lock = await anyio.to_thread.run_sync(ready.locks.hold, devbox_id)
        except Conflict as error:
            raise _taken(devbox_id) from error
        try:
            return await self._make(ready, devbox_id, spec, lock)
        except BaseException:
            with anyio.CancelScope(shield=True):
                try:
                    await self._delete(ready, devbox_id)
                except ApiError as error:  # its record stays, and whoever collects what is left tries again
                    _log.warning("%s", error.message)
            raise

    async def _make(self, ready: _Connected, devbox_id: str, spec: DevboxSpec, lock: int) -> "RunloopDevbox":
        from .launch import params  # noqa: PLC0415
        from .layout import layout  # noqa: PLC0415

        try:
            folder = _FOLDER + secrets.token_hex(6)
            made = await anyio.to_thread.run_sync(layout, spec, self._records, folder)
            record = DevboxRecord(devbox_id, spec)
            await anyio.to_thread.run_sync(self._records.keep_devbox, record)
            request = params(
                spec,
                f"runloop-mcp {devbox_id}",
                self._metadata(ready, devbox_id),
                self._keep_alive_seconds,
                made.snapshot_id,
                spec.image or self.blueprint,
            )
            view = await ready.client.devboxes.create(request)
            record = dataclasses.replace(record, cloud_id=view.id)
            await anyio.to_thread.run_sync(self._records.keep_devbox, record)
            await ready.boots.until_running(view.id)
        except BaseException:
            os.close(lock)
            raise
        box = await ready.boots.start_agent(record, folder, lock)
        try:
            async with anyio.create_task_group() as uploading:
                for source, target in made.uploads:
                    uploading.start_soon(ready.client.devboxes.upload, view.id, target, source)
            await box.furnish(made.steps)
        except BaseException as error:
            box.leave()
            await box.stop()
            raise _single(error) from error
        self._boxes[devbox_id] = box
        return box

    @staticmethod
    def _metadata(ready: _Connected, name: str) -> dict[str, str]:
        from .inventory import ID, STATE  # noqa: PLC0415

        return {STATE: ready.state, ID: name}

    async def resume(self, devbox_id: str) -> Devbox:  # noqa: D102 - see the port
        with disk_failures("The devbox cannot be resumed"):
            return await to_the_end(self._resume(check_id(devbox_id)), lambda box: box.stop())

    async def _resume(self, devbox_id: str) -> "RunloopDevbox":
        if (known := self._boxes.get(devbox_id)) is not None:
            if known.alive:
                raise Conflict(f"The devbox {devbox_id} runs already.", hint="Use it as it is.", retryable=False)
            await known.stop()  # what ended a moment ago may still be on its way to be suspended
        ready = await self._ready()
        record = await self._record(devbox_id)
        lock = await anyio.to_thread.run_sync(ready.locks.hold, devbox_id)
        try:
            await ready.boots.again(record)
        except BaseException:
            os.close(lock)
            raise
        box = await ready.boots.start_agent(record, _FOLDER + secrets.token_hex(6), lock)
        self._boxes[devbox_id] = box
        return box

    async def _record(self, devbox_id: str) -> DevboxRecord:
        record = await anyio.to_thread.run_sync(self._records.devbox, devbox_id)
        if record is None or not record.cloud_id:
            raise gone(devbox_id)
        return record

    async def remove(self, devbox_id: str) -> None:  # noqa: D102 - see the port
        check_id(devbox_id)
        if (box := self._boxes.get(devbox_id)) is not None:
            box.leave()
            await box.stop()
            self._boxes.pop(devbox_id, None)
        if await anyio.to_thread.run_sync(self._records.devbox, devbox_id) is None:
            return
        ready = await self._ready()
        os.close(await anyio.to_thread.run_sync(ready.locks.hold, devbox_id))
        await self._delete(ready, devbox_id)

    async def _delete(self, ready: _Connected, devbox_id: str) -> None:
        """Shuts a devbox down, and forgets it."""
        record = await anyio.to_thread.run_sync(self._records.devbox, devbox_id)
        with anyio.CancelScope(shield=True), anyio.move_on_after(_SHUTDOWN_SECONDS):
            if record is not None:
                try:
                    # One without a name was asked for, and the answer may have got lost: it may be there all the same.
                    called = [record.cloud_id] if record.cloud_id else await ready.inventory.called(devbox_id)
                    for cloud_id in called:
                        await ready.client.devboxes.shutdown(cloud_id, force=True)
                except NotFound:
                    pass
                except ApiError as error:
                    raise Unavailable(
                        f"The devbox {devbox_id} can't be shut down at Runloop: {error.message}",
                        hint=error.hint or "Try again later; its keep-alive time ends it at last.",
                        retryable=True,
                    ) from error
            await anyio.to_thread.run_sync(self._records.forget_devbox, devbox_id)
            await anyio.to_thread.run_sync(ready.locks.forget, devbox_id)

    # Snapshots

    async def snapshot(self, devbox_id: str, snapshot_id: str) -> None:  # noqa: D102 - see the port
        check_id(snapshot_id)
        await to_the_end(self._snapshot(check_id(devbox_id), snapshot_id), lambda _: self.remove_snapshot(snapshot_id))

    async def _snapshot(self, devbox_id: str, snapshot_id: str) -> None:
        ready = await self._ready()
        record = await self._record(devbox_id)
        if (known := await anyio.to_thread.run_sync(self._records.snapshot, snapshot_id)) is not None:
            if known.whole or snapshot_id in self._being_made:
                raise _taken_snapshot(snapshot_id)
            await ready.snapshots.remove(snapshot_id)  # of a server that died over it
        self._being_made.add(snapshot_id)
        try:
            await self._keep(ready, record, snapshot_id)
        finally:
            self._being_made.discard(snapshot_id)

    async def _keep(self, ready: _Connected, record: DevboxRecord, snapshot_id: str) -> None:
        devbox_id = record.id
        box = self._boxes.get(devbox_id)
        async with contextlib.AsyncExitStack() as still:
            if box is None or not box.alive:
                box = await self._resume(devbox_id)
                still.push_async_callback(box.stop)
            await still.enter_async_context(box.frozen())
            await ready.snapshots.make(box, record.cloud_id, snapshot_id, self._metadata(ready, snapshot_id))

    async def has_snapshot(self, snapshot_id: str) -> bool:  # noqa: D102 - see the port
        record = await anyio.to_thread.run_sync(self._records.snapshot, check_id(snapshot_id))
        return record is not None and record.whole

    async def remove_snapshot(self, snapshot_id: str) -> None:  # noqa: D102 - see the port
        if await anyio.to_thread.run_sync(self._records.snapshot, check_id(snapshot_id)) is not None:
            await (await self._ready()).snapshots.remove(snapshot_id)

    # What is kept

    async def kept(self) -> Sequence[Kept]:  # noqa: D102 - see the port
        if not await anyio.to_thread.run_sync(self._records.any):
            return []  # nothing was ever made: no API need be there
        return await (await self._ready()).inventory.listed()

    async def kept_bytes(self, kept: Kept) -> int:  # noqa: D102 - see the port
        return await (await self._ready()).inventory.size(kept)

    async def discard(self, kept: Kept) -> bool:  # noqa: D102 - see the port
        if kept.kind is KeptKind.DEVBOX:
            if (box := self._boxes.get(kept.id)) is not None and box.alive:
                return False
            try:
                await self.remove(kept.id)
            except Conflict:
                return False
            return True
        return await (await self._ready()).inventory.discard(kept)


def _base_of(base_url: str, blueprint: str | None) -> str:
    """Names what devboxes are made from, for what is remembered of it."""
    return hashlib.sha256(f"{base_url}\n{blueprint or ''}".encode()).hexdigest()[:32]


def _checked(spec: DevboxSpec) -> DevboxSpec:
    """A spec without detours in its paths.

    Raises:
        InvalidRequest: There can be no such devbox.
    """
    environment_bytes(spec.environment)
    check_user(spec.user)
    work = check_working_directory(spec.working_directory)
    places = {check_read_only(at, work): source for at, source in spec.read_only.items()}
    if spec.image is not None and not spec.image.startswith("bpt_"):
        raise InvalidRequest(
            f"A Runloop devbox can't be made from the image {spec.image!r}.",
            hint="Name a blueprint of Runloop's by its id: bpt_….",
        )
    return dataclasses.replace(spec, working_directory=work, read_only=places)


def _single(error: BaseException) -> BaseException:
    """The one error of a group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _taken(devbox_id: str) -> Conflict:
    return Conflict(f"There is a devbox {devbox_id} already.", hint="Resume it, or choose another id.", retryable=False)


def _taken_snapshot(snapshot_id: str) -> Conflict:
    return Conflict(f"There is a snapshot {snapshot_id} already.", hint="Choose another id.", retryable=False)
