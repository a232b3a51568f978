"""The `Accounts` port of the embedded engine: one account stands for whoever runs the server."""

from datetime import UTC, datetime

from runloop_mcp.api.access import Principal
from runloop_mcp.api.groups.accounts import Accounts
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.account import AccountView
from runloop_mcp.engine.store.database import Database

_NAME = "runloop-mcp"


class EngineAccounts(Accounts):
    """The account of a state directory, the same for every caller and every server on it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._account: AccountView | None = None
        """Never changes once it is there."""

    async def me(self, principal: Principal) -> AccountView:  # noqa: ARG002 - keys of one server have one account
        """See `Accounts.me`."""
        if self._account is None:
            seed, created_ms = await self._database.look(
                lambda connection: connection.execute("SELECT seed, create_time_ms FROM account").fetchone()
            )
            created = datetime.fromtimestamp(created_ms / 1000, UTC)
            self._account = AccountView(
                id=stable_id(IdPrefix.ACCOUNT, seed),
                name=_NAME,
                created_at=created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            )
        return self._account
