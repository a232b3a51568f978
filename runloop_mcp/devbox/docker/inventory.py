"""What an engine keeps for a state directory, what of it is in use, and taking away what is not."""

from typing import Any

import anyio.to_thread

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import Kept, KeptKind

from . import names
from .engine import Engine, Refused
from .locks import Locks
from .names import Names, unpacked
from .snapshots import Snapshots, images, tags


class Inventory:
    """Everything of one state directory in an engine.

    Args:
        engine: The engine.
        called: The state directory's names.
        locks: Tell what is in use.
        snapshots: The snapshots.
        image: The name of the image that devboxes are made from now.
    """

    def __init__(self, engine: Engine, called: Names, locks: Locks, snapshots: Snapshots, image: str) -> None:
        self._engine = engine
        self._names = called
        self._locks = locks
        self._snapshots = snapshots
        self._image = image

    async def listed(self) -> list[Kept]:
        """Everything that is kept."""
        containers, found = await self._containers(), await images(self._engine, self._names)
        needed = _needed(containers, found)
        kept = []
        for container in containers:
            name = container["Labels"].get(names.ID, "")
            is_devbox = container["Labels"].get(names.KIND) == names.DEVBOX
            held = await anyio.to_thread.run_sync(self._locks.is_held, name)
            kind = KeptKind.DEVBOX if is_devbox else KeptKind.LEFTOVER
            kept.append(Kept(kind, name, container["Created"] * 1000, held))
        base = await self._base()
        files: dict[str, Kept] = {}
        for image in found:
            made = image["Created"] * 1000
            for tag in tags(image):
                name = tag.partition(":")[2]
                if name.startswith("snapshot-"):
                    kept.append(Kept(KeptKind.SNAPSHOT, name.removeprefix("snapshot-"), made, in_use=False))
                elif name.startswith("removed-") or _is_of_another_image(image, base):
                    used = any(each.get("ImageID") == image["Id"] for each in containers)
                    kept.append(Kept(KeptKind.LEFTOVER, name, made, used))
            for key in _environment_keys(image):
                files[key] = Kept(KeptKind.FILES, key, made, key in needed)
        return [*kept, *files.values()]

    async def size(self, kept: Kept) -> int:
        """The bytes that something takes by itself."""
        try:
            if kept.kind is KeptKind.DEVBOX or kept.id.startswith("scratch-"):
                about = await self._engine.get(f"/containers/{self._names.container(kept.id)}/json", size=True)
                return int(about.get("SizeRw") or 0)
            return sum([await self._top_layer(image) for image in await self._images_of(kept)])
        except Refused:
            return 0

    async def _top_layer(self, image: str) -> int:
        history = await self._engine.get(f"/images/{image}/history")
        return int(history[0].get("Size") or 0) if history else 0

    async def discard(self, kept: Kept) -> bool:
        """Deletes something that nothing uses; whether it is gone."""
        try:
            if kept.kind is KeptKind.DEVBOX or kept.id.startswith("scratch-"):
                return await self._discard_container(kept.id)
            if kept.kind is KeptKind.SNAPSHOT:
                await self._snapshots.remove(kept.id)
                return True
            if kept.kind is KeptKind.FILES and kept.id in _needed(
                await self._containers(), await images(self._engine, self._names)
            ):
                return False
            for image in await self._images_of(kept):
                await self._engine.delete(f"/images/{image}")
        except Refused as refused:
            if refused.status == 409:
                return False
            raise Unavailable(f"What is not needed cannot be deleted: {refused.message}") from refused
        return True

    async def _discard_container(self, name: str) -> bool:
        if await anyio.to_thread.run_sync(self._locks.is_held, name):
            return False
        await self._engine.delete(f"/containers/{self._names.container(name)}", force=True, v=True)
        self._locks.forget(name)
        await self._snapshots.sweep()
        return True

    async def _images_of(self, kept: Kept) -> list[str]:
        """The names of the images that something is."""
        if kept.kind is KeptKind.SNAPSHOT:
            return [self._names.snapshot(kept.id)]
        if kept.kind is KeptKind.LEFTOVER:
            return [f"{self._names.repository}:{kept.id}"]
        found = await images(self._engine, self._names)
        return [tag for image in found if kept.id in _environment_keys(image) for tag in tags(image)]

    async def _base(self) -> str | None:
        """The id of the image that devboxes are made from now; None where it is not there, so that nobody can tell."""
        try:
            return str((await self._engine.get(f"/images/{self._image}/json"))["Id"])
        except Refused:
            return None

    async def _containers(self) -> list[dict[str, Any]]:
        filters = {"label": [f"{names.STATE}={self._names.state}"]}
        found: list[dict[str, Any]] = await self._engine.get("/containers/json", all=True, filters=filters)
        return found


def _is_of_another_image(image: dict[str, Any], base: str | None) -> bool:
    """Whether it is an environment without files that the next devbox is not made from: made again where it is."""
    labels = image.get("Labels") or {}
    of_another = labels.get(names.KIND) == names.ENVIRONMENT and base is not None and labels.get(names.ID) != base
    return of_another and not _environment_keys(image)


def _environment_keys(image: dict[str, Any]) -> list[str]:
    """The keys of the files in an image for devboxes."""
    labels = image.get("Labels") or {}
    return (unpacked(labels, names.FILES) or []) if labels.get(names.KIND) == names.ENVIRONMENT and tags(image) else []


def _needed(containers: list[dict[str, Any]], found: list[dict[str, Any]]) -> set[str]:
    """The keys of files that devboxes and snapshots are built on."""
    built = [container["Labels"] for container in containers]
    built += [
        image.get("Labels") or {}
        for image in found
        if any(tag.partition(":")[2].startswith("snapshot-") for tag in tags(image))
    ]
    return {key for labels in built for key in unpacked(labels, names.FILES) or ()}
