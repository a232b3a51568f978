"""Keys: what clients of a server over HTTP prove themselves with."""

from runloop_mcp.api.models.base import WireModel


class KeyView(WireModel):
    """A key, without what it proves itself with: only a hash of that is kept."""

    id: str
    name: str
    """Tells people what it is for; no two keys that are not revoked have one name."""
    role: str = "operator"
    """What whoever has it is: an operator, or a solver."""
    create_time_ms: int
    last_used_ms: int | None = None
    """When it was last used, to within a minute."""
    revoke_time_ms: int | None = None
    """When it was revoked; None while it is good."""


class NewKey(KeyView):
    """A key that was just made. This is the only time that it is told."""

    key: str
