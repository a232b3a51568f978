"""All mounts of a devbox together: settled when they are asked for, built where they need a network, and put."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import anyio

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.ids import IdPrefix, new_id, stable_id
from runloop_mcp.api.models.mounts import CodeMountOfDevbox, Mount
from runloop_mcp.devbox.port import Devbox, DevboxSpec, Driver, Network
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.devboxes.sizes import SIZES
from runloop_mcp.engine.environments.build_log import BuildLog
from runloop_mcp.engine.environments.builder_devbox import builder_devbox
from runloop_mcp.engine.environments.code import folder_of
from runloop_mcp.engine.environments.site import Site, StepFailed
from runloop_mcp.engine.file_lock import FileLock
from runloop_mcp.engine.mounts.kind import MountKind
from runloop_mcp.engine.mounts.kinds import MountKinds
from runloop_mcp.engine.runs.launch import user_of
from runloop_mcp.engine.scoring.tools import UV, find_program, program_files, tool_folder
from runloop_mcp.engine.settings import EngineSettings
from runloop_mcp.engine.store import built_tools
from runloop_mcp.engine.store.database import Database
from runloop_mcp.engine.store.devboxes import DevboxRow

_KEY_PREFIX: Final = "mounts-"


@dataclass(frozen=True, slots=True)
class Build:
    """What has to be built before a devbox can be made."""

    mounts: Sequence[Mount]
    snapshot_id: str
    """What it is built into."""
    devbox_id: str
    """What it is built in; the same for everyone who builds the same."""
    key: str | None
    """By which it is found again; None where it is this devbox's alone."""


class Mounting:
    """Mounts of all kinds.

    Args:
        driver: Makes the devboxes to build in.
        database: Keeps what was built where.
        lock_of: Gives the lock of a devbox, which one server at a time can hold.
        settings: How long a build may take, and where repositories are.
        sources: Variables that say where packages come from, for builds.
        kinds: What is known of each kind, by the `type` of its mounts.
    """

    def __init__(
        self,
        driver: Driver,
        database: Database,
        lock_of: Callable[[str], FileLock],
        settings: EngineSettings,
        *,
        sources: Mapping[str, str],
        kinds: MountKinds,
    ) -> None:
        self._driver = driver
        self._database = database
        self._lock_of = lock_of
        self._settings = settings
        self._sources = sources
        self._kinds = kinds

    async def settled(self, mounts: Sequence[Mount]) -> list[Mount]:
        """The mounts as they will be put.

        Raises:
            NotFound: What one names is not there.
            InvalidRequest: A field is not valid; the message names it.
            InvalidState: What one names can't be mounted (yet).
            Unavailable: Devboxes here lack what one needs.
        """
        if not mounts:
            return []
        folders = Counter(folder_of(mount) for mount in mounts if isinstance(mount, CodeMountOfDevbox))
        for folder, number in folders.items():
            if number > 1:
                raise InvalidRequest(
                    f"Two repositories can't lie in one folder, {folder}.", hint="Mount one of them, or none."
                )
        return [
            await self._kind(mount).settled(mount, field=f"mounts[{number}]") for number, mount in enumerate(mounts)
        ]

    def secrets(self, mounts: Sequence[Mount]) -> dict[str, str]:
        """The tokens of mounts, by what they are called where they are covered."""
        found = {f"token {number}": self._kind(mount).secret(mount) for number, mount in enumerate(mounts, start=1)}
        return {name: token for name, token in found.items() if token}

    def kept(self, mounts: Sequence[Mount]) -> list[tuple[Mount, bool]]:
        """The mounts as they are kept, each with whether it lacks its token then."""
        return [(self._kind(mount).without_secret(mount), bool(self._kind(mount).secret(mount))) for mount in mounts]

    async def build_of(self, row: DevboxRow, mounts: Sequence[Mount]) -> Build | None:
        """What has to be built for a devbox that has these mounts, if anything."""
        building = [mount for mount in mounts if await self._kind(mount).needs_network(mount)]
        if not building:
            return None
        identities = [await self._kind(mount).identity(mount) for mount in building]
        if None in identities:
            return Build(building, new_id(IdPrefix.SNAPSHOT), new_id(IdPrefix.DEVBOX), None)
        key = await self._key(row, identities)
        return Build(
            building, stable_id(IdPrefix.SNAPSHOT, "mounts", key), stable_id(IdPrefix.DEVBOX, "mounts", key), key
        )

    async def _key(self, row: DevboxRow, identities: Sequence[str | None]) -> str:
        capability = await self._driver.probe()
        user = row.data.launch_parameters.user_parameters
        contents = {
            "on": row.data.base_snapshot,
            "devboxes": [capability.driver, capability.image or capability.python],
            "working_directory": row.data.working_directory,
            "user": user.model_dump(mode="json") if user is not None else None,
            "mounts": identities,
        }
        return _KEY_PREFIX + hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()

    async def carry_out(self, build: Build, row: DevboxRow, log: BuildLog) -> None:
        """Builds it, unless it is built already.

        Raises:
            StepFailed: A mount can't be had; the message says which.
            ApiError: Our own machinery broke.
        """
        with anyio.move_on_after(self._settings.build_seconds) as scope:
            async with builder_devbox(self._driver, self._lock_of, build.devbox_id):
                if await self._is_built(build):
                    await log.say("What needs a network was built before: that is reused.")
                    return
                await self._driver.remove_snapshot(build.snapshot_id)  # one that is not known is half made
                await self._build_in(build, row, log)
        if scope.cancelled_caught:
            raise StepFailed(f"Building what is mounted took longer than {self._settings.build_seconds:g} s.")

    async def _is_built(self, build: Build) -> bool:
        key = build.key
        if key is None or await self._database.read(lambda connection: built_tools.find(connection, key)) is None:
            return False
        if not await self._driver.has_snapshot(build.snapshot_id):
            return False
        await self._database.write(lambda connection: built_tools.touch(connection, key, now_ms=now_ms()))
        return True

    async def _build_in(self, build: Build, row: DevboxRow, log: BuildLog) -> None:
        base, uv = row.data.base_snapshot, find_program(UV)
        spec = DevboxSpec(
            working_directory=row.data.working_directory,
            home_snapshot=base,
            work_snapshot=base,
            read_only={tool_folder(UV): program_files(uv)} if uv else {},
            limits=SIZES["MEDIUM"],
            network=Network.HOST,
            user=user_of(row.data.launch_parameters),
        )
        devbox = await self._driver.create(build.devbox_id, spec)
        await self._put_all(build.mounts, devbox, log, self._sources)
        await devbox.stop()  # so that its disk is taken as it is, and not copied
        await self._driver.snapshot(build.devbox_id, build.snapshot_id)
        if (key := build.key) is not None:
            await self._database.write(
                lambda connection: built_tools.keep(connection, key, build.snapshot_id, "{}", now_ms=now_ms())
            )

    async def put(self, mounts: Sequence[Mount], devbox: Devbox, log: BuildLog, environment: Mapping[str, str]) -> None:
        """Puts what was not built into a devbox that has just booted.

        Raises:
            StepFailed: A mount can't be put; the message says which.
            Unavailable: The devbox was lost.
        """
        putting = [mount for mount in mounts if not await self._kind(mount).needs_network(mount)]
        await self._put_all(putting, devbox, log, environment)

    async def _put_all(
        self, mounts: Sequence[Mount], devbox: Devbox, log: BuildLog, environment: Mapping[str, str]
    ) -> None:
        site = Site(devbox, log, environment=environment, code_host=self._settings.code_host)
        for mount in mounts:
            await self._kind(mount).put(mount, site)

    def _kind(self, mount: Mount) -> MountKind[Any]:
        kind = self._kinds.get(mount.type)
        if kind is None:
            raise InvalidRequest(f"A mount of type {mount.type!r} can't be had here.", hint="Leave it out.")
        return kind
