"""Tools that run commands on a run's devbox."""

import contextlib
import time
from collections.abc import Mapping
from typing import Annotated, Literal

import anyio
from pydantic import Field

from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.groups.devboxes import Devboxes
from runloop_mcp.api.models.devbox import ExecuteParams, ExecutionStatus, ExecutionView, OutputStream, StdinSignal
from runloop_mcp.api.models.run import Budget
from runloop_mcp.server.arguments import Arguments, ExecutionId, RunId, WaitSeconds
from runloop_mcp.server.call import Call, Reply
from runloop_mcp.server.handles import execution_id
from runloop_mcp.server.rendering.execution import OUTPUT_BUDGET, excerpts, execution_text, matches_text, range_text
from runloop_mcp.server.targets import ready_target, target_with_budget
from runloop_mcp.server.tasks.handle import TaskHandle, TaskKind
from runloop_mcp.server.tools.tool import Tool
from runloop_mcp.server.waiting import Patience, watch

_FIRST_LOOK = 0.25
"""Seconds of the first wait, within which most commands end."""
_TALK_SECONDS = 1.0
"""How long a command is waited for that may be waiting for its caller."""
_KILL_WITHIN = 3.0
"""Seconds that ending the command of a canceled call may take."""


class ExecOnDevbox(Arguments):
    """What to run, where and how long."""

    run_id: RunId
    command: Annotated[str, Field(min_length=1, description="Run by bash")]
    shell_name: Annotated[str | None, Field(description="Persistent bash: keeps directory, variables, functions")] = (
        None
    )
    working_directory: Annotated[
        str | None, Field(description="Where it starts, if not in the scenario's working directory")
    ] = None
    timeout_seconds: Annotated[
        float | None, Field(gt=0, description="Kills it and all that it started after so long; no limit by default")
    ] = None
    background: Annotated[bool, Field(description="Returns at once, for servers and long jobs")] = False
    stdin: Annotated[str | None, Field(description="Text for its standard input, else empty")] = None
    attach_stdin: Annotated[bool, Field(description="get_execution can send more; returns after 1 s")] = False
    idempotency_key: Annotated[str | None, Field(description="Same key, run once")] = None


class GetExecution(Arguments):
    """What to see of which execution."""

    run_id: RunId
    execution_id: ExecutionId
    wait_seconds: Annotated[WaitSeconds, Field(description="Waits so long for its end")] = 20
    stream: Literal["stdout", "stderr"] = "stdout"
    offset: Annotated[int | None, Field(description="Shows the stream from this byte; below 0 from its end")] = None
    limit: Annotated[int, Field(ge=1, le=40_000, description="Most bytes from offset")] = OUTPUT_BUDGET
    search: Annotated[str | None, Field(description="Regular expression: shows the lines of the stream it finds")] = (
        None
    )
    context: Annotated[int, Field(ge=0, le=20, description="Lines shown around each that search finds")] = 0
    stdin: Annotated[str | None, Field(description="Text to send it")] = None
    signal: Annotated[Literal["EOF", "INTERRUPT"] | None, Field(description="INTERRUPT is Ctrl-C")] = None
    kill: Annotated[bool, Field(description="Ends it and all that it started")] = False


async def exec_on_devbox(call: Call, arguments: ExecOnDevbox) -> Reply:
    """Runs a command and waits up to 20 s for it."""
    patience = Patience()
    target = await ready_target(call, arguments.run_id, patience)
    params = ExecuteParams(
        command=arguments.command,
        working_directory=arguments.working_directory,
        timeout_seconds=arguments.timeout_seconds,
        shell_name=arguments.shell_name,
        stdin=arguments.stdin,
        attach_stdin=arguments.attach_stdin,
    )
    view = await call.backend.devboxes.execute(
        target.devbox_id,
        params,
        wait_seconds=0 if arguments.background else min(_FIRST_LOOK, patience.left),
        idempotency_key=call.idempotency_key(arguments.idempotency_key),
        call=call.record,
    )
    left = Left(view.x_runloop_mcp.budget if view.x_runloop_mcp else None)
    call.record.facts["execution_id"] = view.execution_id
    if not arguments.background:
        if arguments.attach_stdin:  # it may well wait for input, which the caller can only send after this
            patience = Patience(_TALK_SECONDS)
        elif call.deferral is not None:
            patience = Patience(call.deferral.seconds)
        view = await _ended_with_call(call, view, patience)
        defers = call.deferral is not None and not arguments.attach_stdin and target.run_id != target.devbox_id
        if call.deferral is not None and defers and view.status != ExecutionStatus.COMPLETED:
            call.deferral.task = TaskHandle(TaskKind.EXEC, target.run_id, view.execution_id)
    return await execution_reply(call.backend.devboxes, view, target.run_id, left)


async def _ended_with_call(call: Call, view: ExecutionView, patience: Patience) -> ExecutionView:
    """The execution, once it has ended or patience is over. If the caller cancels, the command is ended too."""
    try:
        return await _watched(call, view, patience)
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(_KILL_WITHIN, shield=True):
            with contextlib.suppress(ApiError):  # it has ended by itself, or its devbox has
                await call.backend.devboxes.kill(view.devbox_id, view.execution_id)
        raise


async def _watched(call: Call, view: ExecutionView, patience: Patience) -> ExecutionView:
    return await watch(
        call,
        view,
        look=lambda seconds: call.backend.devboxes.execution(view.devbox_id, view.execution_id, wait_seconds=seconds),
        done=lambda seen: seen.status == ExecutionStatus.COMPLETED,
        patience=patience,
        doing=lambda seen: f"The command is {seen.status}",
    )


async def get_execution(call: Call, arguments: GetExecution) -> Reply:
    """An execution: how it stands, or a part of its output."""
    target, budget = await target_with_budget(call, arguments.run_id)
    left = Left(budget)
    devboxes, wanted = call.backend.devboxes, execution_id(arguments.execution_id)
    stream = OutputStream(arguments.stream)
    if arguments.kill:
        return await execution_reply(devboxes, await devboxes.kill(target.devbox_id, wanted), target.run_id, left)
    patience = Patience(arguments.wait_seconds)
    if arguments.stdin is not None or arguments.signal is not None:
        signal = StdinSignal(arguments.signal) if arguments.signal is not None else None
        await devboxes.send_stdin(target.devbox_id, wanted, text=arguments.stdin, signal=signal)
        if signal is None and "wait_seconds" not in arguments.model_fields_set:
            patience = Patience(_TALK_SECONDS)
    if arguments.search is not None:
        found = await devboxes.search_output(
            target.devbox_id, wanted, stream, arguments.search, around=arguments.context
        )
        return Reply(matches_text(found, stream))
    if arguments.offset is not None:
        part = await devboxes.read_output(
            target.devbox_id, wanted, stream, offset=arguments.offset, limit=arguments.limit
        )
        return Reply(range_text(part, stream))
    view = await _watched(call, await devboxes.execution(target.devbox_id, wanted), patience)
    return await execution_reply(devboxes, view, target.run_id, left)


class Left:
    """What a run has left, as it was told a while ago: its time has gone on since.

    Args:
        budget: What was told just now.
    """

    def __init__(self, budget: Budget | Mapping[str, int | None] | None) -> None:
        self._told = dict(budget or {})
        self._at = time.monotonic()

    def now(self) -> Mapping[str, int | None]:
        """What is left now."""
        seconds = self._told.get("time_left_seconds")
        if seconds is None:
            return self._told
        return {**self._told, "time_left_seconds": max(seconds - int(time.monotonic() - self._at), 0)}


async def execution_reply(devboxes: Devboxes, view: ExecutionView, run_id: str, left: Left | None = None) -> Reply:
    """How an execution stands, with its output and what is left."""
    shown = await excerpts(devboxes, view)
    return Reply(execution_text(view, shown, run_id=run_id, budget=None if left is None else left.now()))


EXEC_ON_DEVBOX = Tool(
    name="exec_on_devbox",
    title="Run a command on the devbox",
    description=(
        "Runs a bash command on the run's devbox, in the scenario's working directory, and returns exit status, "
        "stdout and stderr. Long output is cut in the middle; get_execution reads all of it. After 20 s the "
        "command runs on and get_execution waits for it. Directory changes and variables carry over only within a"
        " shell_name."
    ),
    arguments=ExecOnDevbox,
    run=exec_on_devbox,
    destroys=True,
    always_load=True,
)
GET_EXECUTION = Tool(
    name="get_execution",
    title="Show a command's output",
    description=(
        "Waits for a command that runs on, and shows its status and output; or reads its output from a byte "
        "(offset), searches it (search), sends input or a signal, or ends it (kill)."
    ),
    arguments=GetExecution,
    run=get_execution,
    destroys=True,
)
