"""What clients over HTTP are told at first: whoever has the token of a run is told of that run."""

from typing import Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from runloop_mcp.server.caller import CALLER
from runloop_mcp.server.instructions import instructions_for

_FIRST: Final = frozenset({"initialize", "server/discover"})


class Introductions:
    """MCP middleware that gives a caller who is bound to a run the instructions for that."""

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass the request on."""
        result = await call_next(ctx)
        caller = CALLER.get()
        if result is None or caller is None or caller.run_id is None or ctx.method not in _FIRST:
            return result
        told = {"instructions": instructions_for(caller)}
        return {**result, **told} if isinstance(result, dict) else result.model_copy(update=told)
