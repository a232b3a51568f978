"""Calls of tools as they end: one line in the log for each, and whoever counts them is told."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types import CallToolResult

from runloop_mcp.server.observation.context import REQUEST_ID, RUN_ID, shown_id

if TYPE_CHECKING:
    from runloop_mcp.server.app import RunloopServer

_log = logging.getLogger(__name__)

OTHER: Final = "other"
"""What stands for a tool that there is not: names come from callers, and are not to become series of their own."""


class Observer(Protocol):
    """Is told what a server does."""

    def call_ended(self, tool: str, outcome: str, seconds: float) -> None:
        """A call of a tool ended: `ok`, `error` or `canceled`."""

    def request_ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request over HTTP ended."""


class ObservedCalls:
    """MCP middleware that gives what is logged within a call the ids of its request and run, and observes its end.

    Args:
        observers: Who is told.
        meant: The tool that a caller means by a name; None where there is none.
    """

    def __init__(self, observers: Sequence[Observer], meant: Callable[[str], str | None]) -> None:
        self._observers = observers
        self._meant = meant

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Handle one message."""
        if ctx.request_id is None or ctx.method == "subscriptions/listen":
            return await call_next(ctx)
        request = None if REQUEST_ID.get() is not None else REQUEST_ID.set(shown_id(ctx.request_id))
        run = RUN_ID.set(_run_in(ctx))
        try:
            if ctx.method != "tools/call":
                return await call_next(ctx)
            return await self._call(ctx, call_next)
        finally:
            RUN_ID.reset(run)
            if request is not None:
                REQUEST_ID.reset(request)

    async def _call(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        began = time.perf_counter()
        outcome = "error"
        try:
            result = await call_next(ctx)
            outcome = "error" if _is_error(result) else "ok"
        except anyio.get_cancelled_exc_class():
            outcome = "canceled"
            raise
        finally:
            self._tell(ctx, outcome, time.perf_counter() - began)
        return result

    def _tell(self, ctx: ServerRequestContext[Any, Any], outcome: str, seconds: float) -> None:
        name = (ctx.params or {}).get("name")
        tool = (self._meant(name) if isinstance(name, str) else None) or OTHER
        for observer in self._observers:
            observer.call_ended(tool, outcome, seconds)
        _log.info("%s: %s after %.0f ms", tool, outcome, seconds * 1000)


def observe_calls(server: "RunloopServer", observers: Sequence[Observer] = ()) -> None:
    """Has the calls of a server logged, and told to observers."""
    server.middleware.insert(0, ObservedCalls(observers, server.own_tool))


def _run_in(ctx: ServerRequestContext[Any, Any]) -> str | None:
    arguments = (ctx.params or {}).get("arguments")
    return shown_id(arguments.get("run_id")) if isinstance(arguments, dict) else None


def _is_error(result: HandlerResult) -> bool:
    if isinstance(result, CallToolResult):
        return bool(result.is_error)
    return isinstance(result, dict) and bool(result.get("isError"))
