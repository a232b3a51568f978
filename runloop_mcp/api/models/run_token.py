"""Tokens that are good for one run: what an operator hands to the solver of that run."""

from runloop_mcp.api.models.base import WireModel
from runloop_mcp.api.models.scoring import Disclosure


class RunTokenView(WireModel):
    """A token that is good for one run, without what it proves itself with."""

    id: str
    run_id: str
    made_by: str
    """The principal that made it."""
    create_time_ms: int
    expire_time_ms: int
    """When it ends at the latest: it ends a while after its run, too."""
    tools: list[str] | None = None
    """The only tools that it opens; None where it opens all that a solver has."""
    disclosure: Disclosure | None = None
    """The most that its solver learns of the score, where that may be less than the scenario discloses."""
    revoke_time_ms: int | None = None
    """When it was revoked; None while it was not."""


class NewRunToken(RunTokenView):
    """A token that was just made. This is the only time that it is told."""

    token: str
