"""The account that a key belongs to."""

from pydantic import Field

from runloop_mcp.api.models.base import WireModel


class AccountBilling(WireModel):
    """Who is billed for an account: nobody, where there is none."""

    account_billing_type: str = "UNRECOGNIZED"


class AccountView(WireModel):
    """An account. Where there is none, as on this machine, one stands for whoever runs the server."""

    id: str
    name: str
    account_status: str = "ACCOUNT_STATUS_ENABLED"
    created_at: str
    """A time in UTC, as ISO 8601."""
    tier: str = "ACCOUNT_TIER_BASIC"
    billing: AccountBilling = Field(default_factory=AccountBilling)
    """The SDKs want it."""
