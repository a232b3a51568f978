"""What is kept of a devbox: its log, and what it has used."""

from runloop_mcp.api.models.base import WireModel


class DevboxLog(WireModel):
    """A line of a devbox's log."""

    level: str
    """`info` or `error`."""
    source: str
    """`setup_commands`, `entrypoint`, `exec` or `files`."""
    timestamp_ms: int
    cmd: str | None = None
    cmd_id: str | None = None
    """The execution that it is of."""
    exit_code: int | None = None
    message: str | None = None
    shell_name: str | None = None


class DevboxLogs(WireModel):
    """A devbox's log, oldest first; values of secrets are covered."""

    logs: list[DevboxLog]


class DevboxUsage(WireModel):
    """What a devbox has used. Times are those in which it was up, sizes those that it was granted."""

    id: str
    status: str
    start_time_ms: int
    end_time_ms: int | None = None
    total_active_seconds: int
    """How long it was up."""
    total_elapsed_seconds: int
    """How long ago it was made, or how long it lived."""
    vcpu_seconds: int
    memory_gb_seconds: int
    disk_gb_seconds: int
