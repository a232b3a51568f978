"""What every request over HTTP passes through on its way to the tools.

A client of the handshake era may vanish in the middle of a call, and the protocol forbids to take that for a
cancellation: so the server itself bounds how long a call runs.
"""

from typing import Any, Final

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import REQUEST_TIMEOUT

from runloop_mcp.server.transports.open_calls import StreamedCalls
from runloop_mcp.server.transports.valid_json import valid, valid_text

MESSAGES_PATH: Final = "/messages/"
"""Where clients of SSE post."""


class BoundedCalls:
    """MCP middleware that ends a call after some seconds and makes its result valid JSON.

    Args:
        seconds: The longest a call may run. Streams of notifications are none and end with their client.
        streamed: Counts the calls that came over SSE.
    """

    def __init__(self, seconds: float, streamed: StreamedCalls) -> None:
        self._seconds = seconds
        self._streamed = streamed

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Run the call."""
        if ctx.request_id is None or ctx.method == "subscriptions/listen":
            return await call_next(ctx)
        if _is_over_sse(ctx):
            with self._streamed.one_more():
                return await self._bounded(ctx, call_next)
        return await self._bounded(ctx, call_next)

    async def _bounded(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result: HandlerResult = None
        with anyio.move_on_after(self._seconds) as limit:
            result = await _with_valid_error(ctx, call_next)
        if limit.cancelled_caught:
            raise MCPError(
                code=REQUEST_TIMEOUT,
                message=f"{ctx.method} was stopped after {self._seconds:g} s, the longest that a call may take.",
            )
        return valid(result) if isinstance(result, dict) else result


def _is_over_sse(ctx: ServerRequestContext[Any, Any]) -> bool:
    scope = getattr(ctx.request, "scope", None)
    return scope is not None and scope["path"].startswith(MESSAGES_PATH)


async def _with_valid_error(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    try:
        return await call_next(ctx)
    except MCPError as error:
        raise MCPError(
            code=error.error.code, message=valid_text(error.error.message), data=valid(error.error.data)
        ) from error
