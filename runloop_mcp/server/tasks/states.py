"""Tasks as they stand: looked up in the run or execution that each of them is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mcp.server.mcpserver.exceptions import ToolError

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import run_for_solver, scenario_for_solver
from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.models.devbox import DevboxStatus, ExecutionDetails, ExecutionStatus
from runloop_mcp.api.models.run import RunState, ScenarioRunView
from runloop_mcp.server.call import Reply
from runloop_mcp.server.handles import find_run
from runloop_mcp.server.printable import printable
from runloop_mcp.server.rendering.execution import headline
from runloop_mcp.server.targets import SETTLED, devbox_status
from runloop_mcp.server.tasks.handle import TaskHandle, TaskKind, handle_of
from runloop_mcp.server.tools.devbox import execution_reply
from runloop_mcp.server.tools.scenarios import started_reply
from runloop_mcp.server.tools.scoring import score_reply


@dataclass(frozen=True, slots=True)
class TaskState:
    """How a task stands."""

    status: str
    """One of `working`, `completed` and `cancelled`."""
    message: str
    """The same in a sentence."""
    answer: Reply | ToolError | None = None
    """What the tool answers, or how it failed, where it is completed."""
    took_ms: int | None = None


def find_task(task_id: str) -> TaskHandle:
    """The task with this id.

    Raises:
        NotFound: It is no id of a task.
    """
    handle = handle_of(task_id)
    if handle is None:
        raise NotFound("There is no such task.", hint="Give the taskId that a tool was answered with.")
    return handle


async def state_of(backend: Backend, principal: Principal, handle: TaskHandle) -> TaskState:
    """How a task stands now.

    Raises:
        NotFound: Its run is none that the principal may see, or has no such execution.
    """
    run = await find_run(backend, principal, handle.run_id)
    return await _STATES[handle.kind](backend, run, handle)


async def stop(backend: Backend, principal: Principal, handle: TaskHandle) -> None:
    """Ends the command that a task is. A run that starts or is scored goes on: cancel_run gives it up.

    Raises:
        NotFound: Its run is none that the principal may see, or has no such execution.
    """
    run = await find_run(backend, principal, handle.run_id)
    if handle.execution_id is not None:
        view = await backend.devboxes.execution(run.devbox_id, handle.execution_id)
        if view.status != ExecutionStatus.COMPLETED:
            await backend.devboxes.kill(run.devbox_id, handle.execution_id)


def on_the_wire(handle: TaskHandle, state: TaskState, *, poll_ms: int, now_ms: int) -> dict[str, object]:
    """The task as the protocol has it, without the payload."""
    updated = now_ms if state.took_ms is None else handle.created_ms + state.took_ms
    return {
        "taskId": handle.task_id,
        "status": state.status,
        "statusMessage": state.message,
        "createdAt": _moment(handle.created_ms),
        "lastUpdatedAt": _moment(updated),
        "ttlMs": None,
        "pollIntervalMs": poll_ms,
    }


async def _execution(backend: Backend, run: ScenarioRunView, handle: TaskHandle) -> TaskState:
    view = await backend.devboxes.execution(run.devbox_id, handle.execution_id or "")
    details = view.x_runloop_mcp or ExecutionDetails()
    if view.status != ExecutionStatus.COMPLETED:
        return TaskState("working", f"The command is {view.status}.")
    if details.killed:
        more = f'get_execution(run_id="{run.id}", execution_id="{view.execution_id}") shows its output.'
        why = [printable(note) for note in details.notes]
        return TaskState("cancelled", " ".join([headline(view), *why, more]), took_ms=details.duration_ms)
    reply = await execution_reply(backend.devboxes, view, run.id)
    return TaskState("completed", headline(view), reply, details.duration_ms)


async def _score(backend: Backend, run: ScenarioRunView, handle: TaskHandle) -> TaskState:
    del handle
    if run.state == RunState.SCORING:
        return TaskState("working", f"Run {run.id} is being scored.")
    if run.state == RunState.CANCELED:
        return TaskState("cancelled", f"Run {run.id} was canceled, without a score.")
    return TaskState("completed", f"Run {run.id} is {run.state}.", await score_reply(backend, run))


async def _start(backend: Backend, run: ScenarioRunView, handle: TaskHandle) -> TaskState:
    del handle
    if run.state == RunState.CANCELED:
        return TaskState("cancelled", f"Run {run.id} was canceled.")
    devbox = await backend.devboxes.retrieve(run.devbox_id)
    if devbox.status not in SETTLED:
        return TaskState("working", f"Run {run.id} has started; its devbox is {devbox_status(devbox)}.")
    scenario = await backend.scenarios.retrieve(run.scenario_id)
    answer: Reply | ToolError
    try:
        answer = started_reply(run_for_solver(run), devbox, scenario_for_solver(scenario))
    except ToolError as error:
        answer = error
    ready = "ready" if devbox.status == DevboxStatus.RUNNING else devbox.status
    return TaskState("completed", f"The devbox of run {run.id} is {ready}.", answer)


_STATES: Final[Mapping[TaskKind, Callable[[Backend, ScenarioRunView, TaskHandle], Awaitable[TaskState]]]] = {
    TaskKind.START: _start,
    TaskKind.EXEC: _execution,
    TaskKind.SCORE: _score,
}


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
