"""Disk snapshots."""

from typing import Final

from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.snapshot import SnapshotListParams, SnapshotParams, SnapshotStatusView, SnapshotView
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post
from runloop_mcp.rest.wire.nothing import Nothing

_TAG: Final = "disk_snapshots"

_SNAPSHOT_SECONDS: Final = 590.0
"""How long a request waits for a snapshot: clients read for 600 seconds."""

_NO_DEVBOX: Final = {404: "Devbox not found."}
_NOT_FOUND: Final = {404: "Snapshot not found."}


async def snapshot_disk(call: Call, devbox_id: str, body: SnapshotParams) -> SnapshotView:
    """Keeps the disk of a devbox, and answers when that is done."""
    return await call.backend.snapshots.create(
        devbox_id, body, wait_seconds=_SNAPSHOT_SECONDS, idempotency_key=call.idempotency_key
    )


async def snapshot_disk_async(call: Call, devbox_id: str, body: SnapshotParams) -> SnapshotView:
    """Begins to keep the disk of a devbox: `status` tells when that is done."""
    return await call.backend.snapshots.create(devbox_id, body, wait_seconds=0, idempotency_key=call.idempotency_key)


async def list_(call: Call, query: SnapshotListParams) -> Page[SnapshotView]:
    """Lists disk snapshots."""
    return await call.backend.snapshots.list(query)


async def list_public(call: Call, query: SnapshotListParams) -> Page[SnapshotView]:  # noqa: ARG001 - there are none
    """Lists public disk snapshots, of which there are none here."""
    return Page[SnapshotView](items=[], has_more=False, total_count=0)


async def update(call: Call, snapshot_id: str, body: SnapshotParams) -> SnapshotView:
    """Updates what a disk snapshot is called."""
    return await call.backend.snapshots.update(snapshot_id, body)


async def delete(call: Call, snapshot_id: str) -> Nothing:
    """Deletes a disk snapshot."""
    await call.backend.snapshots.delete(snapshot_id)
    return Nothing()


async def status(call: Call, snapshot_id: str) -> SnapshotStatusView:
    """Tells how far a disk snapshot is, also of one that failed or was deleted."""
    return await call.backend.snapshots.query_status(snapshot_id)


ROUTES: Final = (
    post("/v1/devboxes/{devbox_id}/snapshot_disk", _TAG, snapshot_disk, errors=_NO_DEVBOX, is_held=True),
    post("/v1/devboxes/{devbox_id}/snapshot_disk_async", _TAG, snapshot_disk_async, errors=_NO_DEVBOX),
    get("/v1/devboxes/disk_snapshots", _TAG, list_, items="snapshots"),
    get("/v1/devboxes/disk_snapshots/list_public", _TAG, list_public, items="snapshots"),
    post("/v1/devboxes/disk_snapshots/{snapshot_id}", _TAG, update, errors=_NOT_FOUND),
    post("/v1/devboxes/disk_snapshots/{snapshot_id}/delete", _TAG, delete, errors=_NOT_FOUND),
    get("/v1/devboxes/disk_snapshots/{snapshot_id}/status", _TAG, status, errors=_NOT_FOUND),
)
