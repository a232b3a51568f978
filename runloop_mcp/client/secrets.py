"""Secrets."""

from typing import Final

from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.secret import SecretCreateParams, SecretUpdateParams, SecretView
from runloop_mcp.client.ask import place
from runloop_mcp.client.bodies import body_of, query_of
from runloop_mcp.client.calls import Calls

_ALL: Final = "/v1/secrets"
_BY_NAME: Final = "/v1/secrets/{}"
_BY_ID: Final = "/v1/secrets/id/{}"


class SecretCalls(Calls):
    """Secrets of the API, by name or by id."""

    async def create(self, params: SecretCreateParams) -> SecretView:
        """Keeps a new one."""
        return await self._post(SecretView, _ALL, body_of(params))

    async def retrieve(self, name: str) -> SecretView:
        """One secret."""
        return await self._get(SecretView, place(_BY_NAME, name))

    async def retrieve_by_id(self, secret_id: str) -> SecretView:
        """One secret."""
        return await self._get(SecretView, place(_BY_ID, secret_id))

    async def list(self, params: PageParams) -> Page[SecretView]:
        """One page of secrets, newest first."""
        return await self._page(SecretView, _ALL, "secrets", query_of(params))

    async def update(self, name: str, params: SecretUpdateParams) -> SecretView:
        """Replaces its value."""
        return await self._post(SecretView, place(_BY_NAME, name), body_of(params))

    async def delete(self, name: str) -> SecretView:
        """Deletes it."""
        return await self._post(SecretView, place(_BY_NAME + "/delete", name))
