"""Commands on devboxes, their output, and what is sent to them."""

from typing import Final

import anyio
from starlette.responses import Response

from runloop_mcp.api.errors import ApiError, InvalidRequest, InvalidState
from runloop_mcp.api.models.devbox import ExecuteParams, ExecutionStatus, ExecutionView, OutputStream
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.long_polls import StillWaiting, hold_seconds
from runloop_mcp.rest.route import get, post
from runloop_mcp.rest.streaming import OutputSource, stream_output
from runloop_mcp.rest.wire.executions import (
    ExecuteAsyncBody,
    ExecuteBody,
    ExecuteSyncBody,
    ExecutionResult,
    KillBody,
    LastLines,
    StdinBody,
    StdinResult,
    StreamQuery,
    WaitForExecutionBody,
)

_TAG: Final = "executions"

_HOME: Final = "~"
_LONGEST_WAIT_SECONDS: Final = 25.0

_SYNC_SECONDS: Final = 590.0
"""How long a command may take that is waited for: clients read for 600 seconds."""

_QUEUE_SECONDS: Final = 0.25
"""How often to look whether a command's turn in its shell has come."""

_LAST_LINES: Final = 100
_READ_BYTES: Final = 1_000_000
_NO_DEVBOX: Final = {404: "Devbox not found."}
_NOT_FOUND: Final = {404: "Devbox or execution not found."}
_EVENTS: Final = {
    "text/event-stream": {
        "description": "The events: output, or an error that ends the stream early.",
        "type": "object",
        "required": ["data"],
        "properties": {
            "event": {"type": "string", "enum": ["message", "error"]},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {
                    "description": "Output, and the byte just past it; or the status and message of an error.",
                    "type": "object",
                    "properties": {
                        "output": {"type": "string"},
                        "offset": {"type": "integer", "minimum": 0},
                        "code": {"type": "integer"},
                        "message": {"type": "string"},
                    },
                },
            },
        },
    }
}

_USE_ASYNC: Final = "Use execute_async."

_SHARED_COMMAND_IDS: Final = ("0.", "1.")
"""How the versions of SDKs for Python begin that may give all commands of a process the same command id."""


class TookTooLong(ApiError):
    """A command that was waited for did not end in time, and was ended. Trying again would run it again."""

    status = 408
    code = "timeout"


async def execute(call: Call, devbox_id: str, query: LastLines, body: ExecuteBody) -> ExecutionView:
    """Runs a command, and waits a while for its end.

    It waits for a devbox that is booting, too. A command that takes longer is answered as `running` and runs on.
    """
    return await call.backend.devboxes.execute(
        devbox_id,
        _params(body.command, body.shell_name, last_n=query.last_n),
        wait_seconds=hold_seconds(body.optimistic_timeout, most=_LONGEST_WAIT_SECONDS),
        idempotency_key=_key(call, body.command_id),
    )


async def execute_async(call: Call, devbox_id: str, body: ExecuteAsyncBody) -> ExecutionView:
    """Starts a command."""
    params = _params(body.command, body.shell_name, attach_stdin=bool(body.attach_stdin))
    return await call.backend.devboxes.execute(devbox_id, params, wait_seconds=0, idempotency_key=call.idempotency_key)


async def execute_sync(call: Call, devbox_id: str, body: ExecuteSyncBody) -> ExecutionResult:
    """Runs a command to its end, and answers with its whole output.

    One that takes longer than 590 seconds is ended.
    """
    if body.attach_stdin:
        raise InvalidRequest("attach_stdin: nothing can be sent to a command that is waited for.", hint=_USE_ASYNC)
    params = _params(body.command, body.shell_name)
    devboxes = call.backend.devboxes
    view = await devboxes.execute(devbox_id, params, wait_seconds=_SYNC_SECONDS, idempotency_key=call.idempotency_key)
    if view.status != ExecutionStatus.COMPLETED:
        await devboxes.kill(devbox_id, view.execution_id)
        raise TookTooLong(f"The command took longer than {_SYNC_SECONDS:g} s and was ended.", hint=_USE_ASYNC)
    return ExecutionResult(
        devbox_id=devbox_id,
        exit_status=view.exit_status or 0,
        stdout=await _whole(call, view, OutputStream.STDOUT),
        stderr=await _whole(call, view, OutputStream.STDERR),
        shell_name=view.shell_name,
    )


async def retrieve(call: Call, devbox_id: str, execution_id: str, query: LastLines) -> ExecutionView:
    """Retrieves an execution with the end of its output."""
    return await call.backend.devboxes.execution(devbox_id, execution_id, last_n=query.last_n)


async def wait_for_status(
    call: Call, devbox_id: str, execution_id: str, query: LastLines, body: WaitForExecutionBody
) -> ExecutionView:
    """Waits until an execution has one of some statuses.

    It answers 408 where the time runs out first, and 400 where the execution has ended and will never have one.
    """
    wanted = frozenset(body.statuses)
    deadline = anyio.current_time() + hold_seconds(body.timeout_seconds, most=_LONGEST_WAIT_SECONDS)
    view = await call.backend.devboxes.execution(devbox_id, execution_id, last_n=query.last_n)
    while view.status not in wanted and view.status != ExecutionStatus.COMPLETED:
        left = deadline - anyio.current_time()
        if left <= 0:
            raise StillWaiting(f"The execution is still {view.status}.")
        # A turn in a shell comes without a word; only of an end do executions tell.
        step = left if ExecutionStatus.RUNNING not in wanted else min(left, _QUEUE_SECONDS)
        view = await call.backend.devboxes.execution(devbox_id, execution_id, wait_seconds=step, last_n=query.last_n)
    if view.status in wanted:
        return view
    raise InvalidState("The execution has completed, for ever.", hint="Its output can be read.")


async def kill(call: Call, devbox_id: str, execution_id: str, body: KillBody) -> ExecutionView:  # noqa: ARG001 - documented
    """Ends an execution and everything that it started; on one that has ended it answers with the execution."""
    return await call.backend.devboxes.kill(devbox_id, execution_id)


async def send_std_in(call: Call, devbox_id: str, execution_id: str, body: StdinBody) -> StdinResult:
    """Sends text or a signal to an execution."""
    await call.backend.devboxes.send_stdin(devbox_id, execution_id, text=body.text, signal=body.signal)
    return StdinResult(devbox_id=devbox_id, execution_id=execution_id, success=True)


async def stream_stdout_updates(call: Call, devbox_id: str, execution_id: str, query: StreamQuery) -> Response:
    """Streams the standard output of an execution until it completes."""
    source = OutputSource(call.backend.devboxes, devbox_id, execution_id, OutputStream.STDOUT)
    return await stream_output(source, query.offset)


async def stream_stderr_updates(call: Call, devbox_id: str, execution_id: str, query: StreamQuery) -> Response:
    """Streams the standard error of an execution until it completes."""
    source = OutputSource(call.backend.devboxes, devbox_id, execution_id, OutputStream.STDERR)
    return await stream_output(source, query.offset)


def _key(call: Call, command_id: str | None) -> str | None:
    """What the repetitions of one command share.

    Where command ids are shared, only the request's id tells a repetition from a new command.
    """
    # A caller's own: nobody gets the execution of another who gave his command the same id.
    named = None if command_id is None else f"{call.principal.id}:command:{command_id}"
    headers = call.request.headers
    version = headers.get("x-stainless-package-version", "")
    if headers.get("x-stainless-lang") == "python" and version.startswith(_SHARED_COMMAND_IDS):
        return call.idempotency_key or named
    return named or call.idempotency_key


def _params(
    command: str, shell_name: str | None, *, attach_stdin: bool = False, last_n: int = _LAST_LINES
) -> ExecuteParams:
    """A command that starts in the home; a shell begins there, and stands where it stands."""
    return ExecuteParams(
        command=command,
        working_directory=_HOME if shell_name is None else None,
        shell_name=shell_name,
        shell_directory=_HOME,
        attach_stdin=attach_stdin,
        last_n=last_n,
    )


async def _whole(call: Call, view: ExecutionView, stream: OutputStream) -> str:
    """All of a stream, of which the view may hold the end only."""
    text, is_cut = (
        (view.stdout, view.stdout_truncated) if stream is OutputStream.STDOUT else (view.stderr, view.stderr_truncated)
    )
    if not is_cut:
        return text or ""
    parts: list[str] = []
    offset = 0
    while True:
        found = await call.backend.devboxes.read_output(
            view.devbox_id, view.execution_id, stream, offset=offset, limit=_READ_BYTES
        )
        if found.next_offset <= offset:
            return "".join(parts)
        parts.append(found.text)
        offset = found.next_offset


_EXECUTION: Final = "/v1/devboxes/{devbox_id}/executions/{execution_id}"

ROUTES: Final = (
    post("/v1/devboxes/{devbox_id}/execute", _TAG, execute, errors=_NO_DEVBOX, is_held=True),
    post("/v1/devboxes/{devbox_id}/execute_async", _TAG, execute_async, errors=_NO_DEVBOX),
    post(
        "/v1/devboxes/{devbox_id}/execute_sync",
        _TAG,
        execute_sync,
        errors={**_NO_DEVBOX, 408: "The command took too long and was ended."},
        is_held=True,
    ),
    get(_EXECUTION, _TAG, retrieve, errors=_NOT_FOUND),
    post(
        f"{_EXECUTION}/wait_for_status",
        _TAG,
        wait_for_status,
        errors={**_NOT_FOUND, 408: "The time ran out first."},
        is_deduplicated=False,
        is_held=True,
    ),
    post(f"{_EXECUTION}/kill", _TAG, kill, errors=_NOT_FOUND),
    post(f"{_EXECUTION}/send_std_in", _TAG, send_std_in, errors=_NOT_FOUND),
    get(f"{_EXECUTION}/stream_stdout_updates", _TAG, stream_stdout_updates, errors=_NOT_FOUND, content=_EVENTS),
    get(f"{_EXECUTION}/stream_stderr_updates", _TAG, stream_stderr_updates, errors=_NOT_FOUND, content=_EVENTS),
)
