"""Disk snapshots: the disk of a devbox as it was at one instant, kept under a name, to begin other devboxes from."""

from enum import StrEnum

from pydantic import Field

from runloop_mcp.api.models.base import NOT_BLANK, PageParams, WireModel


class SnapshotStatus(StrEnum):
    """How far a snapshot is."""

    IN_PROGRESS = "in_progress"
    ERROR = "error"
    """It could not be made; there is nothing of it."""
    COMPLETE = "complete"
    DELETED = "deleted"


class SnapshotParams(WireModel):
    """What a snapshot is called: when it is made, and when that is changed."""

    name: str | None = Field(default=None, json_schema_extra=NOT_BLANK)
    """Null or absent keeps the name, when it is changed; it can't be blank."""
    metadata: dict[str, str] | None = None
    """Replaces all of it, when it is changed."""
    commit_message: str | None = None


class SnapshotListParams(PageParams):
    """Which snapshots to list: filters are combined."""

    devbox_id: str | None = None
    """Those of this devbox."""
    source_blueprint_id: str | None = None
    """Those of devboxes that were made from this blueprint."""
    metadata: dict[str, list[str]] | None = None
    """Those whose metadata has, for each of these keys, one of its values."""


class SnapshotDetails(WireModel):
    """What the wire has no field for."""

    status: SnapshotStatus = SnapshotStatus.COMPLETE
    working_directory: str = ""
    """Where the working directory of its devbox was; a scenario that names none has it there too."""


class SnapshotView(WireModel):
    """A snapshot."""

    id: str
    create_time_ms: int
    metadata: dict[str, str] = Field(default_factory=dict)
    source_devbox_id: str
    commit_message: str | None = None
    name: str | None = None
    size_bytes: int | None = None
    """What it takes by itself: what its devbox had changed. None until that has been looked at."""
    source_blueprint_id: str | None = None
    x_runloop_mcp: SnapshotDetails | None = None


class SnapshotStatusView(WireModel):
    """How far a snapshot is, also of one that failed or was deleted."""

    status: SnapshotStatus | str
    error_message: str | None = None
    snapshot: SnapshotView | None = None
    """The snapshot, while there is one."""
