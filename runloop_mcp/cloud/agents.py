"""Agents, objects and the account, over the wire."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import anyio

from runloop_mcp.api.access import Principal
from runloop_mcp.api.groups.accounts import Accounts
from runloop_mcp.api.groups.agents import Agents, Objects
from runloop_mcp.api.models.account import AccountView
from runloop_mcp.api.models.agent import AgentCreateParams, AgentDevboxCounts, AgentListParams, AgentView
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.storage_object import ObjectCreateParams, ObjectListParams, ObjectView
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.cloud.keys import request_id, used_once

_CHUNK: Final = 1 << 16
_IN_MEMORY: Final = 1 << 20


class CloudAgents(Agents):
    """Agents of the cloud."""

    def __init__(self, client: RunloopClient) -> None:
        self._calls = client.agents

    async def create(self, params: AgentCreateParams, *, idempotency_key: str | None = None) -> AgentView:
        """See `Agents.create`."""
        with used_once(idempotency_key):
            return await self._calls.create(params, request_id=request_id(idempotency_key))

    async def retrieve(self, agent_id: str) -> AgentView:
        """See `Agents.retrieve`."""
        return await self._calls.retrieve(agent_id)

    async def list(self, params: AgentListParams) -> Page[AgentView]:
        """See `Agents.list`."""
        return await self._calls.list(params)

    async def delete(self, agent_id: str) -> None:
        """See `Agents.delete`."""
        await self._calls.delete(agent_id)

    async def devbox_counts(self) -> AgentDevboxCounts:
        """See `Agents.devbox_counts`."""
        return await self._calls.devbox_counts()


class CloudObjects(Objects):
    """Objects of the cloud."""

    def __init__(self, client: RunloopClient) -> None:
        self._calls = client.objects

    async def create(self, params: ObjectCreateParams, *, idempotency_key: str | None = None) -> ObjectView:
        """See `Objects.create`."""
        with used_once(idempotency_key):
            return await self._calls.create(params, request_id=request_id(idempotency_key))

    async def write(self, object_id: str, chunks: AsyncIterator[bytes]) -> int:
        """See `Objects.write`. The contents are kept here meanwhile: a broken upload begins again."""
        size = 0
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as kept:
            async for chunk in chunks:
                size += len(chunk)
                await anyio.to_thread.run_sync(kept.write, chunk)

            async def content() -> AsyncIterator[bytes]:
                kept.seek(0)
                while part := await anyio.to_thread.run_sync(kept.read, _CHUNK):
                    yield part

            await self._calls.write(object_id, content, size=size)
        return size

    async def complete(self, object_id: str) -> ObjectView:
        """See `Objects.complete`."""
        return await self._calls.complete(object_id)

    async def read(self, object_id: str, target: Path) -> int:
        """See `Objects.read`."""
        return await self._calls.read(object_id, target)

    async def retrieve(self, object_id: str) -> ObjectView:
        """See `Objects.retrieve`."""
        return await self._calls.retrieve(object_id)

    async def list(self, params: ObjectListParams) -> Page[ObjectView]:
        """See `Objects.list`."""
        return await self._calls.list(params)

    async def delete(self, object_id: str) -> ObjectView:
        """See `Objects.delete`."""
        return await self._calls.delete(object_id)


class CloudAccounts(Accounts):
    """The account that the key belongs to."""

    def __init__(self, client: RunloopClient) -> None:
        self._calls = client.accounts

    async def me(self, principal: Principal) -> AccountView:  # noqa: ARG002 - all callers here share one key
        """See `Accounts.me`."""
        return await self._calls.me()
