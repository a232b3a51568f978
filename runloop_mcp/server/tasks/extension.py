"""The tasks extension of the protocol (`io.modelcontextprotocol/tasks`, with its revision 2026-07-28).

A client that declares it gets a task in place of the answer when a tool takes longer than a moment, and asks for the
answer with `tasks/get`. Others see no difference. Cheap to import: what tasks need is imported with the first of them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import (
    HEADER_MISMATCH,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolRequestParams,
    CancelTaskRequestParams,
    GetTaskRequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from runloop_mcp.server.tasks.deferral import DEFERRAL, Deferral

if TYPE_CHECKING:
    from runloop_mcp.server.face import Face

_Context = ServerRequestContext[Any, Any]

_VERSIONS: Final = frozenset(MODERN_PROTOCOL_VERSIONS)


class Tasks(Extension):
    """Serves tasks.

    Args:
        face: Gives what the caller sees.
        defer_seconds: How long a call is waited for before it becomes a task.
    """

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self, face: "Callable[[], Face]", defer_seconds: float) -> None:
        self._face = face
        self._seconds = defer_seconds

    def methods(self) -> list[MethodBinding]:
        """What clients ask of tasks."""
        return [
            MethodBinding("tasks/get", GetTaskRequestParams, self._get, _VERSIONS),
            MethodBinding("tasks/update", GetTaskRequestParams, self._update, _VERSIONS),
            MethodBinding("tasks/cancel", CancelTaskRequestParams, self._cancel, _VERSIONS),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: _Context, call_next: CallNext
    ) -> HandlerResult:
        """Lets the call become a task, where its client takes one, and answers with it then."""
        del params
        if not self._declared(ctx):
            return await call_next(ctx)
        deferral = Deferral(self._seconds)
        token = DEFERRAL.set(deferral)
        try:
            result = await call_next(ctx)
        finally:
            DEFERRAL.reset(token)
        if deferral.task is None:
            return result
        return {"resultType": "task"} | await self._face().tasks.look(deferral.task.task_id, payload=False)

    def _declared(self, ctx: _Context) -> bool:
        capabilities = ctx.session.client_capabilities
        declared = capabilities.extensions if capabilities is not None else None
        return ctx.protocol_version in _VERSIONS and declared is not None and self.identifier in declared

    def _require(self, ctx: _Context, task_id: str) -> None:
        """Refuses who did not declare tasks, and over HTTP a request whose header names another task."""
        headers = getattr(ctx.request, "headers", None)
        if headers is not None and decode_header_value(headers.get(MCP_NAME_HEADER)) != task_id:
            raise MCPError(code=HEADER_MISMATCH, message=f"The header {MCP_NAME_HEADER} must be the request's taskId.")
        if not self._declared(ctx):
            raise MCPError(
                code=MISSING_REQUIRED_CLIENT_CAPABILITY,
                message=f"Tasks are for clients that declare the extension {self.identifier}.",
                data={"requiredCapabilities": {"extensions": {self.identifier: {}}}},
            )

    async def _get(self, ctx: _Context, params: GetTaskRequestParams) -> HandlerResult:
        self._require(ctx, params.task_id)
        return {"resultType": "complete"} | await self._face().tasks.look(params.task_id)

    async def _update(self, ctx: _Context, params: GetTaskRequestParams) -> HandlerResult:
        self._require(ctx, params.task_id)
        # No task of ours asks for anything: answers to one that is there are passed over.
        await self._face().tasks.look(params.task_id, payload=False)
        return {"resultType": "complete"}

    async def _cancel(self, ctx: _Context, params: CancelTaskRequestParams) -> HandlerResult:
        self._require(ctx, params.task_id)
        await self._face().tasks.cancel(params.task_id)
        return {"resultType": "complete"}
