"""Fixture tools of the suite's scenarios about tasks: their long work is a command in the devbox of a real run."""

from typing import Any, Final

from mcp.server.extension import Extension, ToolBinding
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, InputRequiredResult


class LongWork(Extension):
    """The suite's tools that take their time."""

    identifier = "test.conformance/long-work"

    def __init__(self) -> None:
        self.run_id = ""
        """The run in whose devbox they work; to be set before they are called."""

    def tools(self) -> list[ToolBinding]:
        """One that is quick, and one that takes as long as it is told."""
        return [ToolBinding(tool, kwargs={"structured_output": False}) for tool in (greet, self.slow_compute)]

    async def slow_compute(
        self, seconds: float, context: Context[Any, Any], label: str = ""
    ) -> CallToolResult | InputRequiredResult:
        """Takes its time."""
        command = f"sleep {seconds}; echo done {label}"
        arguments = {"run_id": self.run_id, "command": command, "timeout_seconds": 100}
        return await context.mcp_server.call_tool("exec_on_devbox", arguments, context)


async def greet(name: str) -> str:
    """Greets."""
    return f"Hello, {name}!"


NOT_OURS: Final = {
    "tasks-server-directed-creation-no-hint",  # by a tool that fails as a task
    "sep-2663-tool-error-uses-completed-status",
    "sep-2663-tasks-get-status-failed",
    "sep-2663-tasks-get-status-input-required",
    "tasks-mrtr-tasks-update-resumes",
    "tasks-mrtr-partial-fulfillment",
    "sep-2663-mrtr-synchronous-before-task-creation",
    "sep-2663-server-returns-missing-capability-when-required",
}
"""Checks of tasks that our tools never make: tasks that break, ask for something, or are forced upon clients."""
