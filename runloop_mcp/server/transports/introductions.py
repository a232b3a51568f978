"""What clients over HTTP are told at first: solvers of their run or their tools, and of nothing that others have."""

from collections.abc import Callable
from typing import Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from runloop_mcp.api.access import Principal
from runloop_mcp.server.caller import CALLER

_FIRST: Final = frozenset({"initialize", "server/discover"})


class Introductions:
    """MCP middleware that gives solvers instructions of their own.

    Args:
        told: What a principal is told.
    """

    def __init__(self, told: Callable[[Principal], str]) -> None:
        self._told = told

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Pass the request on."""
        result = await call_next(ctx)
        caller = CALLER.get()
        if result is None or caller is None or caller.operates or ctx.method not in _FIRST:
            return result
        told = {"instructions": self._told(caller)}
        return {**result, **told} if isinstance(result, dict) else result.model_copy(update=told)
