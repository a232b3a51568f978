"""A client that takes tasks, as the tests play it."""

from collections.abc import Sequence
from typing import Any, Literal

import anyio
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp_agent import Tools
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict

TASKS = "io.modelcontextprotocol/tasks"
PATIENCE_SECONDS = 20


class TaskParams(RequestParams):
    """What is asked of a task."""

    model_config = ConfigDict(extra="allow")

    task_id: str


class TaskRequest(Request[TaskParams, str]):
    """A request about a task."""

    name_param = "taskId"


class NamelessRequest(TaskRequest):
    """One that names its task in the body alone."""

    name_param = None


class AnyResult(Result):
    """Whatever comes back."""

    model_config = ConfigDict(extra="allow")


class CreatedTask(AnyResult):
    """A task in place of an answer."""

    result_type: Literal["task"] = "task"


class TakesTasks(ClientExtension):
    """A client that takes tasks."""

    identifier = TASKS

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """Tasks as they come."""
        return [ResultClaim(result_type="task", model=CreatedTask, resolve=_unresolved)]


async def _unresolved(created: CreatedTask, context: ClaimContext) -> CallToolResult:
    raise AssertionError((created, context))


class Tasker(Tools):
    """An agent whose client takes tasks."""

    async def begin(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Calls a tool that must become a task."""
        created = await self.client.session.call_tool(tool, arguments, allow_claimed=True)
        assert isinstance(created, CreatedTask), created
        return created.model_dump(by_alias=True)

    async def ask(
        self, method: str, task_id: str, *, request: type[TaskRequest] = TaskRequest, **more: Any
    ) -> dict[str, Any]:
        """Asks for a task."""
        params = TaskParams.model_validate({"taskId": task_id, **more})
        answer = await self.client.session.send_request(request(method=method, params=params), AnyResult)
        return answer.model_dump(by_alias=True)

    async def until(self, task_id: str, status: str) -> dict[str, Any]:
        """Asks until a task has come to a status."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while (task := await self.ask("tasks/get", task_id))["status"] != status:
                assert task["status"] == "working"
                await anyio.sleep(0.02)
        return task
