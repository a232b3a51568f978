"""`code_mount`: a repository, cloned into the home under its name."""

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.mounts import CodeMountOfDevbox
from runloop_mcp.engine.environments.code import clone, code_faults, install, is_settled
from runloop_mcp.engine.environments.site import Site
from runloop_mcp.engine.mounts.kind import MountKind


class CodeMounts(MountKind[CodeMountOfDevbox]):
    """Repositories, cloned and installed where there is a network."""

    async def settled(self, mount: CodeMountOfDevbox, *, field: str) -> CodeMountOfDevbox:
        """See `MountKind.settled`."""
        for fault in code_faults([mount], field="mounts"):
            raise InvalidRequest(fault.replace("mounts[0]", field), hint="Correct this field and call again.")
        return mount

    async def needs_network(self, mount: CodeMountOfDevbox) -> bool:  # noqa: ARG002 - all of them do
        """See `MountKind.needs_network`."""
        return True

    async def identity(self, mount: CodeMountOfDevbox) -> str | None:
        """See `MountKind.identity`: what a token opens is not for those who have none."""
        return await super().identity(mount) if is_settled(mount) and mount.token is None else None

    def secret(self, mount: CodeMountOfDevbox) -> str | None:
        """See `MountKind.secret`."""
        return mount.token.get_secret_value() if mount.token is not None else None

    def without_secret(self, mount: CodeMountOfDevbox) -> CodeMountOfDevbox:
        """See `MountKind.without_secret`."""
        return mount.model_copy(update={"token": None})

    async def put(self, mount: CodeMountOfDevbox, site: Site) -> None:
        """See `MountKind.put`."""
        await clone(site, mount)
        await install(site, mount)
