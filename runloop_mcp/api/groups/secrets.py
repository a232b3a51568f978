"""The port of a group: values that runs get by name."""

from abc import ABC, abstractmethod

from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.secret import SecretCreateParams, SecretUpdateParams, SecretView


class Secrets(ABC):
    """Values that runs get by name. No method gives a value back, and no error repeats one.

    A secret is found by its name or its id.
    """

    @abstractmethod
    async def create(self, params: SecretCreateParams) -> SecretView:
        """Keeps a new secret.

        Raises:
            InvalidRequest: The name or the value is not valid, or there is a secret of this name.
        """

    @abstractmethod
    async def retrieve(self, secret: str) -> SecretView:
        """One secret.

        Raises:
            NotFound: There is none of this name or id.
        """

    @abstractmethod
    async def list(self, params: PageParams) -> Page[SecretView]:
        """One page of secrets, newest first.

        Raises:
            InvalidRequest: `starting_after` names no secret.
        """

    @abstractmethod
    async def update(self, secret: str, params: SecretUpdateParams) -> SecretView:
        """Replaces a value; devboxes get it from their next boot on.

        Raises:
            NotFound: There is none of this name or id.
            InvalidRequest: The value is not valid.
        """

    @abstractmethod
    async def delete(self, secret: str) -> SecretView:
        """Deletes a secret and its value; devboxes that have it keep it until they end.

        Raises:
            NotFound: There is none of this name or id.
        """
