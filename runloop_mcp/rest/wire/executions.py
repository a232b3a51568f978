"""Commands on devboxes, as the wire has them."""

from pydantic import Field

from runloop_mcp.api.models.base import WireModel
from runloop_mcp.api.models.devbox import ExecutionStatus, StdinSignal


class LastLines(WireModel):
    """How much output the answer holds."""

    last_n: int = Field(default=100, ge=0, le=1_000_000)
    """How many last lines of each stream; what is left out is told by `stdout_truncated` and `stderr_truncated`."""


class ExecuteBody(WireModel):
    """A command, run by bash in the home, or in a named shell where that stands."""

    command: str
    command_id: str | None = Field(default=None, min_length=1, max_length=256)
    """Names the command: sent again with the same one, it does not run again. A UUIDv7 by custom."""
    optimistic_timeout: float | None = Field(default=None, ge=0)
    """How many seconds to wait for its end, at most 25, which is the default. It runs on then."""
    shell_name: str | None = None
    """The shell that it runs in, begun with its first command: it keeps directory and variables between commands."""


class ExecuteAsyncBody(WireModel):
    """A command that is started and not waited for."""

    command: str
    attach_stdin: bool | None = None
    """Whether input can be sent to it while it runs."""
    shell_name: str | None = None


class ExecuteSyncBody(WireModel):
    """A command that is waited for to its end."""

    command: str
    attach_stdin: bool | None = None
    """Not possible here: use `execute_async` for a command that gets input."""
    shell_name: str | None = None


class ExecutionResult(WireModel):
    """A command that has ended."""

    devbox_id: str
    exit_status: int
    stdout: str
    stderr: str
    shell_name: str | None = None


class WaitForExecutionBody(WireModel):
    """What to wait for."""

    statuses: list[ExecutionStatus] = Field(min_length=1)
    """The answer comes once the execution has one of these."""
    timeout_seconds: float | None = Field(default=None, ge=0)
    """How long to wait, at most 25 seconds, which is the default."""


class KillBody(WireModel):
    """How to end an execution."""

    kill_process_group: bool | None = None
    """Makes no difference: everything that the command started ends with it."""


class StdinBody(WireModel):
    """What to send to an execution: text, a signal, or a signal behind text."""

    text: str | None = None
    signal: StdinSignal | None = None


class StdinResult(WireModel):
    """That it was sent."""

    devbox_id: str
    execution_id: str
    success: bool


class StreamQuery(WireModel):
    """Where to begin."""

    offset: int = Field(default=0, ge=0)
    """The byte to begin with, such as the `offset` of the last event."""
