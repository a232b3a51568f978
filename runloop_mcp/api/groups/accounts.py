"""The port of a group: whose backend this is."""

from abc import ABC, abstractmethod

from runloop_mcp.api.access import Principal
from runloop_mcp.api.models.account import AccountView


class Accounts(ABC):
    """Whose backend this is."""

    @abstractmethod
    async def me(self, principal: Principal) -> AccountView:
        """The account of a caller."""
