"""Agents, objects and the account."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.api.models.account import AccountView
from runloop_mcp.api.models.agent import AgentCreateParams, AgentDevboxCounts, AgentListParams, AgentView
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.storage_object import (
    ObjectCreateParams,
    ObjectDownload,
    ObjectListParams,
    ObjectState,
    ObjectView,
)
from runloop_mcp.client.ask import Ask, place
from runloop_mcp.client.bodies import body_of, query_of
from runloop_mcp.client.calls import Calls

_AGENTS: Final = "/v1/agents"
_AGENT: Final = "/v1/agents/{}"
_OBJECTS: Final = "/v1/objects"
_OBJECT: Final = "/v1/objects/{}"
_TOLD: Final[dict[str, str]] = {ObjectState.READ_ONLY: "complete", ObjectState.DELETED: "deleted"}


class AgentCalls(Calls):
    """Agents of the API."""

    async def create(self, params: AgentCreateParams, *, request_id: str | None = None) -> AgentView:
        """Registers one."""
        return await self._post(AgentView, _AGENTS, body_of(params), request_id=request_id)

    async def retrieve(self, agent_id: str) -> AgentView:
        """One agent."""
        return await self._get(AgentView, place(_AGENT, agent_id))

    async def list(self, params: AgentListParams) -> Page[AgentView]:
        """One page of agents, newest first."""
        return await self._page(AgentView, _AGENTS, "agents", query_of(params))

    async def delete(self, agent_id: str) -> None:
        """Deletes it."""
        await self._wire.send(Ask("POST", place(_AGENT + "/delete", agent_id), {}))

    async def devbox_counts(self) -> AgentDevboxCounts:
        """How many devboxes that are up have each."""
        return await self._get(AgentDevboxCounts, f"{_AGENTS}/devbox_counts")


class ObjectCalls(Calls):
    """Objects of the API. Their contents go to and come from addresses that need no key."""

    async def create(self, params: ObjectCreateParams, *, request_id: str | None = None) -> ObjectView:
        """A new one, to be uploaded."""
        return await self._post(ObjectView, _OBJECTS, body_of(params), request_id=request_id)

    async def write(self, object_id: str, content: Callable[[], AsyncIterator[bytes]], *, size: int) -> None:
        """Puts its contents.

        Args:
            object_id: One that is being uploaded.
            content: Gives the contents, from the beginning each time that it is called.
            size: How many bytes they have: stores of objects want to know.

        Raises:
            InvalidState: It is not being uploaded.
        """
        view = await self.retrieve(object_id)
        if not view.upload_url:
            how = _TOLD.get(str(view.state), f"in the state {view.state}")
            raise InvalidState(f"The object is {how}, so nothing can be uploaded.", hint="Create another one.")
        await self._wire.put_without_key(view.upload_url, content, size=size)

    async def complete(self, object_id: str) -> ObjectView:
        """Makes it read-only."""
        return await self._post(ObjectView, place(_OBJECT + "/complete", object_id))

    async def read(self, object_id: str, target: Path) -> int:
        """Writes its contents to a file, which is replaced whole or not at all; tells its size."""
        place_of_it = await self._get(ObjectDownload, place(_OBJECT + "/download", object_id))
        return await self._wire.get_without_key(place_of_it.download_url, target)

    async def retrieve(self, object_id: str) -> ObjectView:
        """One object."""
        return await self._get(ObjectView, place(_OBJECT, object_id))

    async def list(self, params: ObjectListParams) -> Page[ObjectView]:
        """One page of objects, newest first; of public ones alone where `is_public` says so."""
        path = f"{_OBJECTS}/list_public" if params.is_public else _OBJECTS
        return await self._page(ObjectView, path, "objects", query_of(params, without=("is_public",)))

    async def delete(self, object_id: str) -> ObjectView:
        """Deletes it."""
        return await self._post(ObjectView, place(_OBJECT + "/delete", object_id))


class AccountCalls(Calls):
    """The account of the key."""

    async def me(self) -> AccountView:
        """The account."""
        return await self._get(AccountView, "/v1/accounts/me")
