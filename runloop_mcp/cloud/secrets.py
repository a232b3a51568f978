"""Secrets over the wire."""

import re
from typing import Final

from runloop_mcp.api.groups.secrets import Secrets
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.secret import SecretCreateParams, SecretUpdateParams, SecretView, refuse_bad_secret_name
from runloop_mcp.client.runloop_client import RunloopClient
from runloop_mcp.cloud.masking import Known

_ID: Final = re.compile(rf"{IdPrefix.SECRET}_[A-Za-z0-9]{{21}}")


class CloudSecrets(Secrets):
    """Secrets of the cloud. Values that pass through here are covered in this machine's records."""

    def __init__(self, client: RunloopClient, known: Known) -> None:
        self._calls = client.secrets
        self._known = known

    async def create(self, params: SecretCreateParams) -> SecretView:
        """See `Secrets.create`."""
        refuse_bad_secret_name(params.name)
        self._known.learn(params.name, params.value)
        return await self._calls.create(params)

    async def retrieve(self, secret: str) -> SecretView:
        """See `Secrets.retrieve`."""
        return await (self._calls.retrieve_by_id(secret) if _ID.fullmatch(secret) else self._calls.retrieve(secret))

    async def list(self, params: PageParams) -> Page[SecretView]:
        """See `Secrets.list`."""
        return await self._calls.list(params)

    async def update(self, secret: str, params: SecretUpdateParams) -> SecretView:
        """See `Secrets.update`."""
        name = await self._name(secret)
        self._known.learn(name, params.value)
        return await self._calls.update(name, params)

    async def delete(self, secret: str) -> SecretView:
        """See `Secrets.delete`."""
        return await self._calls.delete(await self._name(secret))

    async def _name(self, secret: str) -> str:
        """The name of a secret, which every version of the wire changes secrets by."""
        return (await self.retrieve(secret)).name if _ID.fullmatch(secret) else secret
