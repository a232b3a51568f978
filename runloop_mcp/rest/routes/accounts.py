"""Accounts."""

from typing import Final

from runloop_mcp.api.models.account import AccountView
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get


async def me(call: Call) -> AccountView:
    """Retrieves the account of the caller."""
    return await call.backend.accounts.me(call.principal)


ROUTES: Final = (get("/v1/accounts/me", "accounts", me),)
