"""`file_mount`: a text file."""

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.mounts import FileMount
from runloop_mcp.engine.environments.blueprint_build import place_of
from runloop_mcp.engine.environments.site import Site
from runloop_mcp.engine.mounts.kind import MountKind


class FileMounts(MountKind[FileMount]):
    """Files, written once the devbox has booted."""

    async def settled(self, mount: FileMount, *, field: str) -> FileMount:
        """See `MountKind.settled`."""
        path = place_of(mount.target, field=f"{field}.target")
        try:
            mount.content.encode()
        except UnicodeEncodeError:
            raise InvalidRequest(
                f"{field}.content: holds half of a surrogate pair, which is no character.", hint="Send valid text."
            ) from None
        return mount.model_copy(update={"target": path})

    async def put(self, mount: FileMount, site: Site) -> None:
        """See `MountKind.put`."""
        await site.write(mount.target, mount.content.encode())
