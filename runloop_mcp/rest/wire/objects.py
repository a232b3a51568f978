"""Objects, as the wire has them."""

from typing import Final

from pydantic import Field

from runloop_mcp.api.models.base import WireModel

LONGEST_SECONDS: Final = 7 * 24 * 3600


class DownloadQuery(WireModel):
    """How long the address is good for."""

    duration_seconds: int = Field(default=3600, ge=1, le=LONGEST_SECONDS)


class SignedQuery(WireModel):
    """What lets an address be used without a key."""

    token: str = ""
