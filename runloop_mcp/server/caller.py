"""Who made the request that is being answered, where one server answers several principals."""

from contextvars import ContextVar

from runloop_mcp.api.access import Principal

CALLER: ContextVar[Principal | None] = ContextVar("caller", default=None)
"""Set around each request over HTTP. The protocol's streams hand it on to the task that answers."""
