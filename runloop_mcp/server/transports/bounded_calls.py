"""What every request over HTTP passes through on its way to the tools.

A client of the handshake era may vanish in the middle of a call, and the protocol forbids to take that for a
cancellation: so the server itself bounds how long a call runs.
"""

from typing import Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import REQUEST_TIMEOUT

from runloop_mcp.server.transports.valid_json import valid, valid_text


class BoundedCalls:
    """MCP middleware that ends a call after some seconds and makes its result valid JSON.

    Args:
        seconds: The longest a call may run. Streams of notifications are none and end with their client.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Run the call."""
        if ctx.request_id is None or ctx.method == "subscriptions/listen":
            return await call_next(ctx)
        result: HandlerResult = None
        with anyio.move_on_after(self._seconds) as limit:
            result = await _with_valid_error(ctx, call_next)
        if limit.cancelled_caught:
            raise MCPError(
                code=REQUEST_TIMEOUT,
                message=f"{ctx.method} was stopped after {self._seconds:g} s, the longest that a call may take.",
            )
        return valid(result) if isinstance(result, dict) else result


async def _with_valid_error(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    try:
        return await call_next(ctx)
    except MCPError as error:
        raise MCPError(
            code=error.error.code, message=valid_text(error.error.message), data=valid(error.error.data)
        ) from error
