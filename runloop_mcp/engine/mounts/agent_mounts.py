"""`agent_mount`: an agent, installed.

What comes from a network is installed once for each agent, which never changes: every devbox that gets the agent gets
the same. For a newer one, make a new agent.
"""

import posixpath
import re
from typing import Final

from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound, Unavailable
from runloop_mcp.api.models.agent import AgentSource, AgentView, GitSource, NpmSource, ObjectSource, PipSource
from runloop_mcp.api.models.mounts import AgentMount
from runloop_mcp.devbox.port import HOME, Driver
from runloop_mcp.engine.agents.checks import described
from runloop_mcp.engine.agents.mounted import PROGRAMS
from runloop_mcp.engine.environments.blueprint_build import place_of
from runloop_mcp.engine.environments.site import Site, StepFailed
from runloop_mcp.engine.mounts.agent_install import (
    clone_git,
    folder_name,
    install_npm,
    install_pip,
    set_up,
)
from runloop_mcp.engine.mounts.kind import MountKind
from runloop_mcp.engine.mounts.object_contents import ARCHIVES, MountedObjects
from runloop_mcp.engine.store import agents
from runloop_mcp.engine.store.database import Database

_NEEDED: Final = {"npm": "npm", "git": "git"}
"""The program that an agent of a type can't be had without."""
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_EXECUTABLE: Final = 0o755


class AgentMounts(MountKind[AgentMount]):
    """Agents.

    Args:
        database: Tells what there is.
        driver: Tells what devboxes have.
        objects: Has what agents of objects are made of.
    """

    def __init__(self, database: Database, driver: Driver, objects: MountedObjects) -> None:
        self._database = database
        self._driver = driver
        self._objects = objects

    async def settled(self, mount: AgentMount, *, field: str) -> AgentMount:
        """See `MountKind.settled`."""
        agent = await self._find(mount, field)
        source = agent.source
        if source is None:
            raise InvalidState(
                f"{field}: the agent {agent.name!r} has no source, so there is nothing to mount.",
                hint="Make one that says where it comes from.",
            )
        part = described(source)
        program = _NEEDED.get(source.type)
        if program is not None and await self._driver.missing_programs([program]):
            raise Unavailable(
                f"{field}: the agent {agent.name!r} comes from {source.type}, and devboxes here have no {program}.",
                hint=f"Install {program} on the machine that runs the devboxes.",
            )
        path = await self._path(mount.agent_path, agent, part, f"{field}.agent_path")
        return mount.model_copy(update={"agent_id": agent.id, "agent_name": agent.name, "agent_path": path})

    async def _find(self, mount: AgentMount, field: str) -> AgentView:
        if mount.agent_id is not None:
            agent_id = mount.agent_id
            return await self._database.read(lambda connection: agents.get(connection, agent_id))
        if not mount.agent_name:
            raise InvalidRequest(f"{field} names no agent.", hint="Give agent_id, or agent_name.")
        name = mount.agent_name
        found = await self._database.read(lambda connection: agents.newest(connection, name))
        if found is None:
            raise NotFound(f"There is no agent named {name!r}.", hint="List the agents to see those there are.")
        return found

    async def _path(
        self, given: str | None, agent: AgentView, part: GitSource | ObjectSource | NpmSource | PipSource, field: str
    ) -> str | None:
        """Where it goes; None for packages, whose programs are on the PATH."""
        match part:
            case NpmSource() | PipSource():
                return None
            case GitSource():
                return place_of((given or f"~/{folder_name(part.repository)}").rstrip("/"), field=field)
            case ObjectSource():
                row = await self._objects.readable(part.object_id)
                name = _NO_NAME.sub("-", agent.name).strip(".-") or "agent"
                if row.content_type in ARCHIVES:
                    return place_of((given or f"~/{name}").rstrip("/"), field=field)
                return place_of(given or f"{PROGRAMS}/{name}", field=field)

    async def needs_network(self, mount: AgentMount) -> bool:
        """See `MountKind.needs_network`."""
        _, source = await self._settled_agent(mount)
        return source.type != "object"

    async def identity(self, mount: AgentMount) -> str | None:
        """See `MountKind.identity`: an agent never changes, so what it was when it was first installed is it."""
        return None if mount.auth_token is not None else f"agent {mount.agent_id} {mount.agent_path}"

    def secret(self, mount: AgentMount) -> str | None:
        """See `MountKind.secret`."""
        return mount.auth_token.get_secret_value() if mount.auth_token is not None else None

    def without_secret(self, mount: AgentMount) -> AgentMount:
        """See `MountKind.without_secret`."""
        return mount.model_copy(update={"auth_token": None})

    async def put(self, mount: AgentMount, site: Site) -> None:
        """See `MountKind.put`."""
        agent, source = await self._settled_agent(mount)
        part, path = described(source), mount.agent_path or HOME
        folder = HOME
        match part:
            case NpmSource():
                await install_npm(site, agent, part)
            case PipSource():
                await install_pip(site, agent, part)
            case GitSource():
                await clone_git(site, agent, part, path, token=mount.auth_token)
                folder = path
            case ObjectSource():
                await self._objects.put(part.object_id, path, site, mode=_EXECUTABLE)
                row = await self._objects.readable(part.object_id)
                folder = path if row.content_type in ARCHIVES else posixpath.dirname(path)
        await set_up(site, agent, part.agent_setup, folder)

    async def _settled_agent(self, mount: AgentMount) -> tuple[AgentView, AgentSource]:
        """The agent of a settled mount, also one that was deleted since."""
        agent = await self._database.read(lambda connection: agents.kept(connection, mount.agent_id or ""))
        if agent is None or agent.source is None:
            raise StepFailed(f"The agent {mount.agent_id} is not there.")
        return agent, agent.source
