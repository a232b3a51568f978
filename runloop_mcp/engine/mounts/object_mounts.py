"""`object_mount`: an object, as a file or unpacked."""

from runloop_mcp.api.models.mounts import ObjectMount
from runloop_mcp.engine.environments.blueprint_build import place_of
from runloop_mcp.engine.environments.site import Site
from runloop_mcp.engine.mounts.kind import MountKind
from runloop_mcp.engine.mounts.object_contents import ARCHIVES, MountedObjects


class ObjectMounts(MountKind[ObjectMount]):
    """Objects, put once the devbox has booted.

    Args:
        objects: What there is.
    """

    def __init__(self, objects: MountedObjects) -> None:
        self._objects = objects

    async def settled(self, mount: ObjectMount, *, field: str) -> ObjectMount:
        """See `MountKind.settled`."""
        row = await self._objects.readable(mount.object_id)
        given = mount.object_path
        # The directory that an archive is unpacked into may be written like one, and may be the home.
        if row.content_type in ARCHIVES:
            given = given.rstrip("/") if given.strip("/") else given
            given = "~/." if given == "~" else given
        path = place_of(given, field=f"{field}.object_path")
        return mount.model_copy(update={"object_path": path})

    async def put(self, mount: ObjectMount, site: Site) -> None:
        """See `MountKind.put`."""
        await self._objects.put(mount.object_id, mount.object_path, site)
