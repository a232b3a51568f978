"""Devboxes and their files, as the wire has them."""

from typing import Literal

from pydantic import Field

from runloop_mcp.api.models.base import PageParams, WireModel
from runloop_mcp.api.models.devbox import DevboxStatus

WireStatus = DevboxStatus | Literal["scheduled"]
"""A status of a devbox; `scheduled` is an old name for `queued`."""


def status_of(status: WireStatus) -> DevboxStatus:
    """The status that is meant."""
    return DevboxStatus.QUEUED if status == "scheduled" else DevboxStatus(status)


class DevboxQuery(PageParams):
    """Which devboxes to list."""

    status: WireStatus | None = None


class WaitForDevboxBody(WireModel):
    """What to wait for."""

    statuses: list[WireStatus] = Field(min_length=1)
    """The answer comes once the devbox has one of these."""
    timeout_seconds: float | None = Field(default=None, ge=0)
    """How long to wait: 25 seconds by default, at most 30."""


class ShutdownQuery(WireModel):
    """How to end a devbox."""

    force: bool = False
    """Whether it ends although snapshots of it are being made; these fail then."""


class LogsQuery(WireModel):
    """Which part of the log."""

    execution_id: str | None = None
    shell_name: str | None = None


class ReadFileBody(WireModel):
    """A text file to read."""

    file_path: str
    """Relative paths begin at the home, as `~/` does."""


class WriteFileBody(WireModel):
    """A text file to write."""

    file_path: str
    """Relative paths begin at the home, as `~/` does."""
    contents: str


class DownloadFileBody(WireModel):
    """A file to download."""

    path: str
    """Relative paths begin at the home, as `~/` does."""
