"""Devboxes as containers of a Docker-compatible engine, driven through its API alone."""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import Conflict, NotFound, Unavailable
from runloop_mcp.devbox.background import Background
from runloop_mcp.devbox.port import Capability, Devbox, DevboxSpec, Driver, ImageSource, Kept, OutputSink
from runloop_mcp.devbox.sandbox.arguments import environment_bytes
from runloop_mcp.devbox.sandbox.disk_failure import disk_failures
from runloop_mcp.devbox.sandbox.disk_watch import DiskWatch
from runloop_mcp.devbox.sandbox.launch import Refused as BootRefused
from runloop_mcp.devbox.sandbox.plan import check_read_only, check_user, check_working_directory
from runloop_mcp.devbox.sandbox.records import spec_from_json, spec_to_json
from runloop_mcp.devbox.to_the_end import to_the_end

from . import DEFAULT_IMAGE, names
from .address import find
from .bootstrap import modules
from .build import build_image
from .containers import ContainerEnd, kill
from .creation import Creation
from .devbox import DockerDevbox
from .engine import Engine, Refused
from .environments import Environments, commit, files_of
from .failures import BOOT_SECONDS, boot_failure, connect_failure, create_failure, speaks_to_engine, taken
from .inventory import Inventory
from .locks import Locks
from .names import Names, unpacked
from .programs import Programs
from .snapshots import Snapshots

_PODMANS_TRIES = 4


class _Connected:
    """What a driver has once it has spoken to its engine."""

    def __init__(self, engine: Engine, host: Mapping[str, Any], called: Names, state: Path, image: str) -> None:
        self.engine = engine
        self.host = host
        """What the engine says of the machine that it runs on."""
        self.names = called
        self.locks = Locks(state / "locks")
        self.environments = Environments(engine, called, self.locks)
        self.snapshots = Snapshots(engine, called, self.environments)
        self.inventory = Inventory(engine, called, self.locks, self.snapshots, image)
        self.creation = Creation(engine, host)


class DockerDriver(Driver):
    """Makes devboxes out of containers.

    Args:
        state: A private folder, which several servers may share; disks are the engine's and carry its id.
        image: What devboxes are made from that name no image.
        environment: Names the engine: `DOCKER_HOST` and the variables beside it.
    """

    name = "docker"
    builds_images = True

    def __init__(self, state: Path, image: str = DEFAULT_IMAGE, environment: Mapping[str, str] = os.environ) -> None:
        self._state = state / "docker"
        self.image = image
        self._environment = environment
        self._boxes: dict[str, DockerDevbox] = {}
        self._being_made: set[str] = set()
        self._connected: _Connected | None = None
        self._connecting = anyio.Lock()
        self._probing = anyio.Lock()
        self._capability: Capability | None = None
        self._programs = Programs(self._state / "programs")
        self._disk_watch = DiskWatch(itertools.count().__next__)  # the engine may be elsewhere, and so its disk
        self._background = Background()

    async def __aenter__(self) -> Self:
        await self._background.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._background.stop(self._boxes.values())
            if self._connected is not None:
                await self._connected.engine.close()
                self._connected = None
        await self._background.leave()

    async def _ready(self) -> _Connected:
        """Speaks to the engine, at the first time.

        Raises:
            Unavailable: It does not answer, or the state folder can't be used.
        """
        async with self._connecting:
            if self._connected is None:
                engine = Engine(find(self._environment))
                try:
                    await engine.greet()
                    host = await engine.get("/info")
                    called = await anyio.to_thread.run_sync(Names.of, self._state)
                except BaseException as error:
                    await engine.close()
                    raise connect_failure(error) from error
                self._connected = _Connected(engine, host, called, self._state, self.image)
                self._background.spawn(self._disk_watch.run)
            return self._connected

    async def probe(self) -> Capability:  # noqa: D102 - see the port
        async with self._probing:
            if self._capability is None:
                from .probe import examine  # noqa: PLC0415 - only who asks pays for it

                self._capability = await examine(self)
            return self._capability

    async def engine(self) -> tuple[Engine, Mapping[str, Any]]:
        """The engine, and what it says of the machine that it runs on.

        Raises:
            Unavailable: It does not answer.
        """
        ready = await self._ready()
        return ready.engine, ready.host

    async def missing_programs(self, names: Sequence[str]) -> list[str]:  # noqa: D102 - see the port
        return [name for name in names if name not in (await self.programs()).names]

    async def caps_disks(self) -> bool:
        """Whether the engine's storage holds the disks of devboxes to a size; known once one was made.

        Raises:
            Unavailable: The engine does not answer.
        """
        return (await self._ready()).creation.caps_disks is True

    @speaks_to_engine
    async def programs(self) -> "Programs.Found":
        """What the default image has on its PATH, and the version of its Python.

        Raises:
            Unavailable: No devbox can run here.
        """
        ready = await self._ready()
        try:
            about = await ready.environments.base(self.image)
        except NotFound as error:
            raise Unavailable(error.message, hint=error.hint) from error
        return await self._programs.of(about["Id"], self)

    @speaks_to_engine
    async def build_image(self, snapshot_id: str, image: ImageSource, *, log: OutputSink) -> None:  # noqa: D102 - see the port
        names.check_id(snapshot_id)
        built = await self.build(image, log=log)
        # What makes an image a snapshot, its user and its two parts among it, a devbox made of it knows.
        devbox_id = f"{snapshot_id}-image"
        devbox = await self.create(devbox_id, DevboxSpec(image=built))
        try:
            await devbox.stop()
            await self.snapshot(devbox_id, snapshot_id)
        finally:
            with anyio.move_on_after(BOOT_SECONDS, shield=True):
                await self.remove(devbox_id)

    @speaks_to_engine
    async def build(
        self, image: ImageSource, *, log: OutputSink, context: Path | None = None, network: bool = True
    ) -> str:
        """Builds an image for `DevboxSpec.image`, with the engine's own cache.

        Args:
            image: What to build.
            log: Takes what the build says, as it comes.
            context: A folder whose files the build can copy; None for none.
            network: Whether its commands reach what the host reaches.

        Returns:
            The image's id.

        Raises:
            InvalidRequest: The build failed; the message has the end of its log.
            Unavailable: The engine can't be reached.
        """
        ready = await self._ready()
        labels = {names.STATE: ready.names.state, names.KIND: names.BUILT}
        return await build_image(ready.engine, image, context, labels, network, log)

    # Devboxes

    @speaks_to_engine
    async def create(self, devbox_id: str, spec: DevboxSpec) -> Devbox:  # noqa: D102 - see the port
        names.check_id(devbox_id)
        if devbox_id in self._being_made or devbox_id in self._boxes:
            raise taken(devbox_id)
        self._being_made.add(devbox_id)
        try:
            with disk_failures("The devbox cannot be made"):
                return await to_the_end(self._create(devbox_id, _checked(spec)), lambda box: self.remove(box.id))
        finally:
            self._being_made.discard(devbox_id)

    async def _create(self, devbox_id: str, spec: DevboxSpec) -> DockerDevbox:
        ready = await self._ready()
        for snapshot_id in (spec.work_snapshot, spec.home_snapshot):
            if snapshot_id is not None:
                of, _ = await ready.snapshots.about(snapshot_id)
                if snapshot_id == spec.home_snapshot and spec.image is None:
                    spec = dataclasses.replace(spec, image=of.image)  # the system that the home is from
        container = ready.names.container(devbox_id)
        if await ready.engine.exists(f"/containers/{container}/json"):
            raise taken(devbox_id)
        whole = await ready.snapshots.whole(spec)
        image = whole[0] if whole else await ready.environments.image_for(spec, spec.image or self.image)
        keys = sorted({*(whole[1] if whole else ()), *(files.key for files in files_of(spec))})
        labels = ready.names.labels(names.DEVBOX, devbox_id, spec=spec_to_json(spec), files=keys)
        lock = await anyio.to_thread.run_sync(ready.locks.hold, devbox_id)
        try:
            await ready.creation.create(container, image, spec, labels)
        except BaseException as error:
            if isinstance(error, Refused) and error.status == 409:  # another server was faster
                os.close(lock)
                raise taken(devbox_id) from error
            ready.locks.give_up(devbox_id, lock)
            raise create_failure(error) from error
        try:
            if not whole:
                await ready.snapshots.fill(container, spec)
            await ready.environments.lay_files_over(container, spec)
        except BaseException:
            os.close(lock)
            await self._delete(ready, devbox_id)
            raise
        try:
            return await self._boot(ready, devbox_id, spec, lock, used_before=False)
        except BaseException:
            await self._delete(ready, devbox_id)
            raise

    @speaks_to_engine
    async def resume(self, devbox_id: str) -> Devbox:  # noqa: D102 - see the port
        with disk_failures("The devbox cannot be resumed"):
            return await to_the_end(self._resume(names.check_id(devbox_id)), lambda box: box.stop())

    async def _resume(self, devbox_id: str) -> DockerDevbox:
        if (known := self._boxes.get(devbox_id)) is not None:
            if known.alive:
                raise Conflict(f"The devbox {devbox_id} runs already.", hint="Use it as it is.", retryable=False)
            await known.stop()  # what ended a moment ago may still hold the disk
        ready = await self._ready()
        spec = await self._spec_of(ready, devbox_id)
        tries = _PODMANS_TRIES if ready.engine.is_podman else 1
        while True:
            tries -= 1
            try:
                return await self._boot_again(ready, devbox_id, spec)
            except Unavailable as error:
                # Podman tidies up after a container in a process of its own, which may hit one that was started since.
                if not tries or not isinstance(error.__cause__, BootRefused | Refused):
                    raise

    async def _boot_again(self, ready: _Connected, devbox_id: str, spec: DevboxSpec) -> DockerDevbox:
        lock = await anyio.to_thread.run_sync(ready.locks.hold, devbox_id)
        try:
            await kill(ready.engine, ready.names.container(devbox_id))  # a dead server's may be about to end
        except BaseException:
            os.close(lock)
            raise
        return await self._boot(ready, devbox_id, spec, lock, used_before=True)

    async def _spec_of(self, ready: _Connected, devbox_id: str) -> DevboxSpec:
        try:
            about = await ready.engine.get(f"/containers/{ready.names.container(devbox_id)}/json")
            return spec_from_json(unpacked(about["Config"]["Labels"], names.SPEC))
        except Refused as refused:
            if refused.status != 404:
                raise Unavailable(f"The engine can't tell of the devbox {devbox_id}: {refused.message}") from refused
            raise NotFound(f"The disk of the devbox {devbox_id} is gone.", hint="Make a new devbox.") from refused
        except (TypeError, KeyError) as error:
            raise NotFound(
                f"The container of the devbox {devbox_id} does not say what it is made of.", hint="Make a new devbox."
            ) from error

    async def _boot(
        self, ready: _Connected, devbox_id: str, spec: DevboxSpec, lock: int, *, used_before: bool
    ) -> DockerDevbox:
        container = ready.names.container(devbox_id)
        end = ContainerEnd(ready.engine, container, lock)
        try:
            about = await ready.engine.get(f"/containers/{container}/json")
            attachment = await ready.engine.attach(container)
        except BaseException as error:
            await end.end()
            raise boot_failure(error, b"") from error
        variables = about["Config"].get("Env") or []
        box = DockerDevbox(devbox_id, spec, ready.engine, container, variables, attachment, end, self._background.spawn)
        try:
            with anyio.fail_after(BOOT_SECONDS):
                await ready.engine.post(f"/containers/{container}/start")
                attachment.write(modules())
                await box.ready()
        except BaseException as error:
            await box.stop()
            raise boot_failure(error, attachment.said) from error
        if spec.limits.disk_bytes is not None:
            self._disk_watch.watch(box, spec.limits.disk_bytes, used_before=used_before)
        self._boxes[devbox_id] = box
        return box

    @speaks_to_engine
    async def remove(self, devbox_id: str) -> None:  # noqa: D102 - see the port
        names.check_id(devbox_id)
        if (box := self._boxes.get(devbox_id)) is not None:
            await box.stop()
            self._boxes.pop(devbox_id, None)
        ready = await self._ready()
        if not await ready.engine.exists(f"/containers/{ready.names.container(devbox_id)}/json"):
            return
        os.close(await anyio.to_thread.run_sync(ready.locks.hold, devbox_id))
        await self._delete(ready, devbox_id)
        await ready.snapshots.sweep()

    async def _delete(self, ready: _Connected, devbox_id: str) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await ready.engine.delete(f"/containers/{ready.names.container(devbox_id)}", force=True, v=True)
            except Refused as refused:
                raise Unavailable(f"The devbox {devbox_id} can't be removed: {refused.message}") from refused
            ready.locks.forget(devbox_id)

    # Snapshots

    @speaks_to_engine
    async def snapshot(self, devbox_id: str, snapshot_id: str) -> None:  # noqa: D102 - see the port
        names.check_id(snapshot_id)
        await to_the_end(
            self._snapshot(names.check_id(devbox_id), snapshot_id), lambda _: self.remove_snapshot(snapshot_id)
        )

    async def _snapshot(self, devbox_id: str, snapshot_id: str) -> None:
        ready = await self._ready()
        if await ready.snapshots.there(snapshot_id):
            raise Conflict(f"There is a snapshot {snapshot_id} already.", hint="Choose another id.", retryable=False)
        spec = await self._spec_of(ready, devbox_id)
        async with contextlib.AsyncExitStack() as still:
            box = self._boxes.get(devbox_id)
            if box is not None and box.alive:
                await still.enter_async_context(box.frozen())
            else:
                if box is not None:
                    await box.stop()  # what ended a moment ago may still write
                lock = await anyio.to_thread.run_sync(ready.locks.hold, devbox_id)
                still.callback(os.close, lock)
            await self._commit(ready, devbox_id, snapshot_id, spec)

    async def _commit(self, ready: _Connected, devbox_id: str, snapshot_id: str, spec: DevboxSpec) -> None:
        container = ready.names.container(devbox_id)
        try:
            about = await ready.engine.get(f"/containers/{container}/json")
            keys = unpacked(about["Config"]["Labels"], names.FILES) or []
            labels = ready.names.labels(names.SNAPSHOT, snapshot_id, spec=spec_to_json(spec), files=keys)
            await commit(ready.engine, container, ready.names.snapshot(snapshot_id), labels)
        except Refused as refused:
            hint = "Free some space on the engine's disk."
            raise Unavailable(f"The snapshot failed: {refused.message}", hint=hint) from refused

    @speaks_to_engine
    async def has_snapshot(self, snapshot_id: str) -> bool:  # noqa: D102 - see the port
        return await (await self._ready()).snapshots.there(snapshot_id)

    @speaks_to_engine
    async def remove_snapshot(self, snapshot_id: str) -> None:  # noqa: D102 - see the port
        await (await self._ready()).snapshots.remove(snapshot_id)

    # What is kept

    @speaks_to_engine
    async def kept(self) -> Sequence[Kept]:  # noqa: D102 - see the port
        if not await anyio.to_thread.run_sync(Names.are_given, self._state):
            return []  # nothing was ever made: no engine need be there
        return await (await self._ready()).inventory.listed()

    @speaks_to_engine
    async def kept_bytes(self, kept: Kept) -> int:  # noqa: D102 - see the port
        return await (await self._ready()).inventory.size(kept)

    @speaks_to_engine
    async def discard(self, kept: Kept) -> bool:  # noqa: D102 - see the port
        gone = await (await self._ready()).inventory.discard(kept)
        if gone:
            self._boxes.pop(kept.id, None)
        return gone


def _checked(spec: DevboxSpec) -> DevboxSpec:
    """A spec without detours in its paths.

    Raises:
        InvalidRequest: There can be no such devbox.
    """
    environment_bytes(spec.environment)
    check_user(spec.user)
    work = check_working_directory(spec.working_directory)
    places = {check_read_only(at, work): source for at, source in spec.read_only.items()}
    return dataclasses.replace(spec, working_directory=work, read_only=places)
