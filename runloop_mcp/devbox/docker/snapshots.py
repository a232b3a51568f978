"""Snapshots: images of a devbox's whole disk, whose two parts can be taken apart again."""

import contextlib
import posixpath
from typing import Any

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import NotFound, Unavailable
from runloop_mcp.devbox.port import HOME, DevboxSpec, WorkOf
from runloop_mcp.devbox.sandbox.records import spec_from_json

from . import archives, names
from .archives import Change
from .engine import Engine, Refused
from .environments import Environments
from .names import Names, unpacked

_MOST_LAYERS = 100
"""Engines mount no more than about 125 layers: a disk that has so many is copied, which merges them."""
_REMOVED = "removed-"


class Snapshots:
    """The snapshots of a state directory.

    Args:
        engine: Where they are.
        called: The names of the state directory.
        environments: For containers to copy out of.
    """

    def __init__(self, engine: Engine, called: Names, environments: Environments) -> None:
        self._engine = engine
        self._names = called
        self._environments = environments

    async def there(self, snapshot_id: str) -> bool:
        """Whether there is such a snapshot."""
        return await self._engine.exists(f"/images/{self._names.snapshot(names.check_id(snapshot_id))}/json")

    async def about(self, snapshot_id: str) -> tuple[DevboxSpec, dict[str, Any]]:
        """The spec of the devbox that a snapshot is of, and what the engine says of its image.

        Raises:
            NotFound: There is no such snapshot.
        """
        try:
            about = await self._engine.get(f"/images/{self._names.snapshot(names.check_id(snapshot_id))}/json")
            spec = spec_from_json(unpacked(about["Config"]["Labels"], names.SPEC))
        except (Refused, TypeError, KeyError) as error:
            raise NotFound(
                f"There is no snapshot {snapshot_id}.", hint="Make one with a snapshot of a devbox."
            ) from error
        return spec, about

    async def whole(self, spec: DevboxSpec) -> tuple[str, list[str]] | None:
        """The image, and the keys of files in it, of a snapshot that a devbox can be made of as it is, if any."""
        snapshot_id = spec.work_snapshot
        if snapshot_id is None or spec.home_snapshot != snapshot_id:
            return None
        of, about = await self.about(snapshot_id)
        same = (of.working_directory, of.user, dict(of.read_only), of.image)
        if same != (spec.working_directory, spec.user, dict(spec.read_only), spec.image):
            return None
        if len(about["RootFS"].get("Layers") or ()) > _MOST_LAYERS:
            return None
        return self._names.snapshot(snapshot_id), unpacked(about["Config"]["Labels"], names.FILES) or []

    async def fill(self, container: str, spec: DevboxSpec) -> None:
        """Copies what a devbox takes from snapshots into its new container."""
        if spec.home_snapshot is not None:
            await self._copy(spec.home_snapshot, container, HOME, spec.user.uid, of_home=True)
        if spec.work_snapshot is not None:
            await self._copy(spec.work_snapshot, container, spec.working_directory, spec.user.uid)
        for at, source in spec.read_only.items():
            if isinstance(source, WorkOf):
                await self._copy(source.snapshot_id, container, at, None)

    async def _copy(
        self, snapshot_id: str, container: str, to: str, owner: int | None, *, of_home: bool = False
    ) -> None:
        of, _ = await self.about(snapshot_id)
        part, other = (HOME, of.working_directory) if of_home else (of.working_directory, HOME)
        without = posixpath.relpath(other, part) if other.startswith(f"{part}/") else None
        change = None if owner == of.user.uid and without is None else Change(owner, without)
        async with (
            self._environments.scratch(self._names.snapshot(snapshot_id)) as source,
            self._engine.archive_of(source, f"{part}/.") as content,
        ):
            if change is None:
                await self._engine.put_archive(container, to, content)
                return
            with await archives.spooled(content) as kept:
                archive = await anyio.to_thread.run_sync(archives.changed, kept, change)
            with archive:
                await self._engine.put_archive(container, to, archives.parts(archive))

    async def remove(self, snapshot_id: str) -> None:
        """Deletes a snapshot; its image stays for as long as something is made of it, under another name."""
        image = self._names.snapshot(names.check_id(snapshot_id))
        try:
            await self._engine.post(f"/images/{image}/tag", repo=self._names.repository, tag=f"{_REMOVED}{snapshot_id}")
        except Refused as refused:
            if refused.status == 404:
                return
            raise Unavailable(f"The snapshot {snapshot_id} can't be removed: {refused.message}") from refused
        await self._engine.delete(f"/images/{image}")
        await self.sweep()

    async def sweep(self) -> None:
        """Deletes the images of removed snapshots that nothing is made of any more."""
        for image in await self.removed():
            with contextlib.suppress(Refused):  # still needed
                await self._engine.delete(f"/images/{image}")

    async def removed(self) -> list[str]:
        """The names of the images of removed snapshots."""
        prefix = f"{self._names.repository}:{_REMOVED}"
        return [
            name for each in await images(self._engine, self._names) for name in tags(each) if name.startswith(prefix)
        ]


async def images(engine: Engine, called: Names) -> list[dict[str, Any]]:
    """All images of a state directory, as the engine lists them."""
    found: list[dict[str, Any]] = await engine.get("/images/json", filters={"label": [f"{names.STATE}={called.state}"]})
    return found


def tags(image: dict[str, Any]) -> list[str]:
    """An image's names; engines differ in whether they begin with that of a registry."""
    return [name.removeprefix("localhost/").removeprefix("docker.io/") for name in image.get("RepoTags") or ()]
