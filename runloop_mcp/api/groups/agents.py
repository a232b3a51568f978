"""The ports of two groups: agents, and the objects that they and devboxes are made of."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from pathlib import Path

from runloop_mcp.api.models.agent import AgentCreateParams, AgentDevboxCounts, AgentListParams, AgentView
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.storage_object import ObjectCreateParams, ObjectListParams, ObjectView


class Agents(ABC):
    """Programs that solve scenarios; devboxes get them by `agent_mount`."""

    @abstractmethod
    async def create(self, params: AgentCreateParams, *, idempotency_key: str | None = None) -> AgentView:
        """Registers an agent. Several may have one name: it means the newest.

        Raises:
            InvalidRequest: A field is not valid, or the source names an object that is not there.
        """

    @abstractmethod
    async def retrieve(self, agent_id: str) -> AgentView:
        """One agent.

        Raises:
            NotFound: There is none with this id (any more).
        """

    @abstractmethod
    async def list(self, params: AgentListParams) -> Page[AgentView]:
        """One page of agents, newest first.

        Raises:
            InvalidRequest: `starting_after` names no agent.
        """

    @abstractmethod
    async def delete(self, agent_id: str) -> None:
        """Deletes an agent; devboxes that have it keep it.

        Raises:
            NotFound: There is none with this id.
        """

    @abstractmethod
    async def devbox_counts(self) -> AgentDevboxCounts:
        """How many devboxes that are up have each agent."""


class Objects(ABC):
    """Files that are uploaded once and then stay as they are."""

    @abstractmethod
    async def create(self, params: ObjectCreateParams, *, idempotency_key: str | None = None) -> ObjectView:
        """A new object, `UPLOADING`.

        Raises:
            InvalidRequest: A field is not valid.
        """

    @abstractmethod
    async def write(self, object_id: str, chunks: AsyncIterator[bytes]) -> int:
        """Puts the contents of an object that is `UPLOADING`, whole; what was put before is replaced.

        Returns:
            How many bytes they have.

        Raises:
            NotFound: There is none with this id.
            InvalidState: It is not being uploaded.
            InvalidRequest: It is larger than objects may be.
            Unavailable: There is no room.
        """

    @abstractmethod
    async def complete(self, object_id: str) -> ObjectView:
        """Makes an object `READ_ONLY`; on one that is, it answers with the object.

        Raises:
            NotFound: There is none with this id.
            InvalidState: It is deleted, or nothing was uploaded.
        """

    @abstractmethod
    async def read(self, object_id: str, target: Path) -> int:
        """Writes the contents to a file, which is replaced where there is one.

        It may share its disk with the object: whoever wants to change it makes a copy.

        Returns:
            How many bytes they have.

        Raises:
            NotFound: There is none with this id.
            InvalidState: It is deleted or not complete.
        """

    @abstractmethod
    async def retrieve(self, object_id: str) -> ObjectView:
        """One object, also one that is deleted.

        Raises:
            NotFound: There never was one with this id.
        """

    @abstractmethod
    async def list(self, params: ObjectListParams) -> Page[ObjectView]:
        """One page of objects, newest first, without those that are deleted unless `state` asks for them.

        Raises:
            InvalidRequest: `starting_after` names no object.
        """

    @abstractmethod
    async def delete(self, object_id: str) -> ObjectView:
        """Deletes an object and its contents; does nothing to one that is deleted.

        Raises:
            NotFound: There never was one with this id.
        """
