"""Where clients ask for tasks: as the protocol has them, for one principal."""

import time
from typing import Any, Final

import anyio
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError, Forbidden
from runloop_mcp.server.answers import tool_result
from runloop_mcp.server.call import Reply
from runloop_mcp.server.failures import explain, prompt_error
from runloop_mcp.server.recording import CallRecorder
from runloop_mcp.server.tasks.handle import TaskHandle
from runloop_mcp.server.tasks.states import find_task, on_the_wire, state_of, stop

_POLL_MS: Final = 1000
"""How often a client should ask."""
_STOP_SECONDS: Final = 20.0


class TaskDesk:
    """Tasks of one principal.

    Args:
        backend: As the principal may see it.
        principal: Whose they are.
        recorder: Records what it does.
        may_stop: Whether it may end commands, as it has tools that do.
    """

    def __init__(self, backend: Backend, principal: Principal, recorder: CallRecorder, *, may_stop: bool) -> None:
        self._backend = backend
        self._principal = principal
        self._recorder = recorder
        self._may_stop = may_stop

    async def look(self, task_id: str, *, payload: bool = True) -> dict[str, Any]:
        """A task, with what its tool answers where it has completed.

        Args:
            task_id: The task.
            payload: Whether to give that answer: a task that has only just come to be goes without.

        Raises:
            MCPError: There is no such task that the principal may see, or it can't be looked at.
        """
        try:
            handle = find_task(task_id)
            state = await state_of(self._backend, self._principal, handle)
        except ApiError as error:
            raise prompt_error(error) from error
        task = on_the_wire(handle, state, poll_ms=_POLL_MS, now_ms=time.time_ns() // 1_000_000)
        if state.answer is not None and payload:
            task["result"] = _answered(state.answer).model_dump(by_alias=True, mode="json", exclude_none=True)
        return task

    async def cancel(self, task_id: str) -> None:
        """Ends the command that a task is; others go on. The run's record tells of it.

        Raises:
            MCPError: There is no such task that the principal may see, or it can't be ended.
        """
        record = self._recorder.begin("tasks/cancel", {"task": task_id})
        handle: TaskHandle | None = None
        told = None
        try:
            handle = find_task(task_id)
            if not self._may_stop:
                raise Forbidden("You have no tool that ends commands, so their tasks are not yours to cancel.")
            with anyio.move_on_after(_STOP_SECONDS):
                await stop(self._backend, self._principal, handle)
        except ApiError as error:
            told = explain(error)
            raise prompt_error(error) from error
        finally:
            if handle is not None:
                await self._recorder.end(record, handle.run_id, told)


def _answered(answer: Reply | ToolError) -> CallToolResult:
    if isinstance(answer, ToolError):
        return CallToolResult(content=[TextContent(type="text", text=str(answer))], is_error=True)
    return tool_result(answer)
