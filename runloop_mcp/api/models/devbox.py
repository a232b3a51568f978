"""Devboxes, and the commands that run on them."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from runloop_mcp.api.models.base import PageParams, WireModel
from runloop_mcp.api.models.blueprint import CodeMount
from runloop_mcp.api.models.mounts import Mount
from runloop_mcp.api.models.scenario import LaunchParameters


class DevboxStatus(StrEnum):
    """The states of a devbox."""

    QUEUED = "queued"
    PROVISIONING = "provisioning"
    INITIALIZING = "initializing"
    RUNNING = "running"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    RESUMING = "resuming"
    FAILURE = "failure"
    SHUTDOWN = "shutdown"


class QueuePlace(WireModel):
    """Where a devbox that waits for its turn stands: as many devboxes are up as may be at once."""

    place: int
    """From 1, which is the next to have its turn."""
    length: int
    """How many wait in all."""


class DevboxDetails(WireModel):
    """What the wire has no field for."""

    working_directory: str = ""
    failure_message: str | None = None
    """Why the devbox failed, with the output of the launch command that did."""
    isolation: str | None = None
    queue: QueuePlace | None = None
    """Its place in the queue, while its status is `queued`."""


class DevboxCreateParams(WireModel):
    """A devbox that belongs to no run. What it begins as is one of blueprint and snapshot, or nothing."""

    name: str | None = None
    metadata: dict[str, str] | None = None
    blueprint_id: str | None = None
    blueprint_name: str | None = None
    """The newest blueprint of this name that is built."""
    snapshot_id: str | None = None
    environment_variables: dict[str, str] | None = None
    secrets: dict[str, str] | None = None
    """Environment variable → name of the secret."""
    file_mounts: dict[str, str] | None = None
    """Path → contents; older than `mounts`, and as good."""
    code_mounts: list[CodeMount] | None = None
    mounts: list[Mount] | None = None
    launch_parameters: LaunchParameters | None = None
    entrypoint: str | None = None
    """A command that runs from the boot on; the devbox shuts down when it ends."""


class DevboxUpdateParams(WireModel):
    """What to replace: null or absent keeps the value, an empty value clears it."""

    name: str | None = None
    metadata: dict[str, str] | None = None


class DevboxListParams(PageParams):
    """Which devboxes to list."""

    status: DevboxStatus | Literal["scheduled"] | None = None
    """`scheduled` comes before `queued`, at services that have it."""


class DevboxView(WireModel):
    """A devbox."""

    id: str
    status: DevboxStatus | str
    create_time_ms: int = 0
    end_time_ms: int | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    launch_parameters: LaunchParameters = Field(default_factory=LaunchParameters)
    capabilities: list[str] = Field(default_factory=list)
    state_transitions: list[dict[str, object]] = Field(default_factory=list)
    name: str | None = None
    failure_reason: str | None = None
    shutdown_reason: str | None = None
    snapshot_id: str | None = None
    """The snapshot that it was made from."""
    blueprint_id: str | None = None
    """The blueprint that it was made from."""
    initiator_type: str | None = None
    """`api`, or `scenario` where it belongs to a run."""
    initiator_id: str | None = None
    """The run that it belongs to, where it does."""
    x_runloop_mcp: DevboxDetails | None = None


class ExecutionStatus(StrEnum):
    """The states of an execution."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"


class OutputStream(StrEnum):
    """The two streams of an execution, kept apart."""

    STDOUT = "stdout"
    STDERR = "stderr"


class StdinSignal(StrEnum):
    """What can be sent to an execution beside text."""

    EOF = "EOF"
    """Ends its standard input, behind what was sent before."""
    INTERRUPT = "INTERRUPT"
    """Interrupts it as Ctrl-C does: SIGINT for its foreground process group."""


class ExecutionDetails(WireModel):
    """What the wire has no field for."""

    command: str = ""
    working_directory: str = ""
    """Where it started; empty in a named shell, which alone knows."""
    attach_stdin: bool = False
    """Whether input can be sent while it runs."""
    stdout_bytes: int = 0
    """How many bytes of standard output are kept."""
    stderr_bytes: int = 0
    stdout_dropped_bytes: int = 0
    """How many bytes came after the quota was used up and were not kept."""
    stderr_dropped_bytes: int = 0
    duration_ms: int | None = None
    timed_out: bool = False
    """The time limit ended the command and everything that it had started."""
    killed: bool = False
    """A caller, or the end of the devbox, ended the command."""
    signal: int | None = None
    """The signal that ended the command, where one did; `exit_status` is then 128 + signal."""
    limits: list[str] = Field(default_factory=list)
    """The limits that were run into meanwhile: `memory`, `disk`, `processes` and `cpus` of the devbox, `output`."""
    budget: dict[str, int | None] | None = None
    """The run's budget after this command, where the devbox belongs to a run."""
    notes: list[str] = Field(default_factory=list)
    """What else the caller should know: that the devbox was booted again, that a limit was hit, …"""


class ExecutionView(WireModel):
    """A command on a devbox. `stdout` and `stderr` are the ends of the streams, as valid text."""

    devbox_id: str
    execution_id: str
    status: ExecutionStatus | str
    exit_status: int | None = None
    stdout: str | None = None
    stderr: str | None = None
    stdout_truncated: bool | None = None
    stderr_truncated: bool | None = None
    shell_name: str | None = None
    x_runloop_mcp: ExecutionDetails | None = None


class ExecuteParams(WireModel):
    """A command for a devbox, run by bash."""

    command: str
    working_directory: str | None = None
    """Where it starts; relative to the devbox's working directory, `~` is its home. None: that directory itself."""
    timeout_seconds: float | None = Field(default=None, gt=0)
    """Kills the command and everything it started after so many seconds. None: no limit but the run's."""
    environment: dict[str, str] | None = None
    """Variables for this command alone."""
    shell_name: str | None = None
    """Runs it in the bash of this name, which keeps directory, variables, functions and background jobs from one
    command to the next. It is begun with its first command; commands in one shell run one after the other. There, a
    working directory is where the shell goes and stays."""
    shell_directory: str | None = None
    """Where its shell begins, if this command is the first of it. None: in the devbox's working directory."""
    stdin: str | None = None
    """Text for its standard input, which is empty otherwise; with `attach_stdin` the beginning of it."""
    attach_stdin: bool = False
    """Whether `send_stdin` can send more; the standard input then stays open until it is ended there."""
    last_n: int | None = None
    """How many last lines of each stream the view holds; None: the last 32,000 bytes."""


class OutputRange(WireModel):
    """A range of one stream of an execution, as valid text."""

    text: str
    offset: int
    """The first byte of the range."""
    next_offset: int
    """The byte just past it, to read on from."""
    total_bytes: int
    """How many bytes are kept so far."""
    complete: bool
    """Whether the stream has ended, so that no more can come."""
    data: bytes | None = Field(default=None, exclude=True, repr=False)
    """The bytes that the text was made of, where the backend has them."""


class OutputMatch(WireModel):
    """A line that a search of output found."""

    line_number: int
    """From 1."""
    offset: int
    """The byte where the line begins."""
    text: str
    """The line as a terminal would show it, cut at 500 characters."""
    before: list[str] = Field(default_factory=list)
    """The lines before it that were asked for, as text is."""
    after: list[str] = Field(default_factory=list)


class OutputMatches(WireModel):
    """What a search of output found."""

    matches: list[OutputMatch]
    total_matches: int
    total_bytes: int


class FileContents(WireModel):
    """A file of a devbox, or a part of it."""

    path: str
    data: bytes
    """The bytes asked for."""
    total_bytes: int
    """How large the whole file is."""
